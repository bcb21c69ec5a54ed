const TIME = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

/** Parses a time such as `2026-11-23T10:00:00.25Z` (RFC 3339) to milliseconds; `undefined` for anything else. */
export function parseTime(text: string): number | undefined {
  const match = TIME.exec(text);
  if (!match) return undefined;
  const [, date = "", time = "", fraction = "", zone = ""] = match;
  // a leap second is the last second of its minute
  const second = time.endsWith(":60") ? `${time.slice(0, -2)}59` : time;
  const whole = Date.parse(`${date}T${second}${zone.toUpperCase()}`);
  if (Number.isNaN(whole)) return undefined;
  // `Date` rolls the 30th of February over to March
  const day = new Date(`${date}T00:00:00Z`);
  if (day.toISOString().slice(0, 10) !== date) return undefined;
  // digits beyond microseconds are ignored
  return whole + Number(fraction.padEnd(6, "0").slice(0, 6)) / 1000;
}
