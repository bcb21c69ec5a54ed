package rolecall

import "time"

// Clock is the source of time of a guard. Tests replace it.
type Clock interface {
	// Now returns the time of day, with which the times in tokens are compared.
	Now() time.Time
	// Monotonic returns the time since some fixed moment. It never goes back, whatever is done to the time of day.
	Monotonic() time.Duration
}

type systemClock struct{ start time.Time }

func newSystemClock() Clock {
	return systemClock{start: time.Now()}
}

func (systemClock) Now() time.Time {
	return time.Now()
}

func (c systemClock) Monotonic() time.Duration {
	return time.Since(c.start)
}

// micros is a point in time, in microseconds since the epoch.
type micros int64

func nowOf(clock Clock) micros {
	return micros(clock.Now().UnixMicro())
}

func seconds(value int64) micros {
	// verified times end with the year 9999, so that this cannot overflow
	return micros(value * 1_000_000)
}

func (m micros) time() time.Time {
	return time.UnixMicro(int64(m)).UTC()
}

// since returns the time from earlier until m, or zero if m is before.
func (m micros) since(earlier micros) time.Duration {
	const most = micros(1<<63-1) / 1000
	return time.Duration(max(0, min(m-earlier, most))) * time.Microsecond
}
