package rolecall

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding/json is too forgiving for tokens: it matches members without regard to case, takes the last of two members
// with the same name, replaces invalid UTF-8, and accepts any depth. This parser refuses what two parsers could read
// differently (RFC 8725 section 2.6).

const (
	maxTokenDepth  = 16
	maxAnswerDepth = 128
)

var errNotStrict = errors.New("not strict JSON")

// number is a JSON number. isWhole is true if it is written without fraction and exponent, and isInt if it fits in 64 bits
// with a sign besides.
type number struct {
	isInt   bool
	isWhole bool
	integer int64
	float   float64
}

// object is a JSON object. The values are nil, bool, number, string, []any and object.
type object map[string]any

// parseJSON reads one JSON value. It refuses duplicate members, nesting deeper than maxDepth, byte-order marks, invalid
// UTF-8, lone surrogates, numbers beyond the range of a float64, and anything after the value.
func parseJSON(text []byte, maxDepth int) (any, error) {
	p := jsonParser{text: text}
	value, ok := p.value(maxDepth)
	p.space()
	if !ok || p.at != len(p.text) {
		return nil, errNotStrict
	}
	return value, nil
}

// parseObject is parseJSON for a text that must be an object.
func parseObject(text []byte, maxDepth int) (object, error) {
	value, err := parseJSON(text, maxDepth)
	if err != nil {
		return nil, err
	}
	if members, ok := value.(object); ok {
		return members, nil
	}
	return nil, errNotStrict
}

type jsonParser struct {
	text []byte
	at   int
}

func (p *jsonParser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// take skips the byte c, and returns false if something else is next.
func (p *jsonParser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *jsonParser) word(word string) bool {
	if len(p.text)-p.at < len(word) || string(p.text[p.at:p.at+len(word)]) != word {
		return false
	}
	p.at += len(word)
	return true
}

func (p *jsonParser) value(depth int) (any, bool) {
	p.space()
	if p.at == len(p.text) {
		return nil, false
	}
	switch p.text[p.at] {
	case 'n':
		return nil, p.word("null")
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case '"':
		return p.str()
	case '[':
		return p.array(depth)
	case '{':
		return p.object(depth)
	default:
		return p.number()
	}
}

func (p *jsonParser) array(depth int) (any, bool) {
	if depth == 0 {
		return nil, false
	}
	p.at++
	items := []any{}
	p.space()
	if p.take(']') {
		return items, true
	}
	for {
		item, ok := p.value(depth - 1)
		if !ok {
			return nil, false
		}
		items = append(items, item)
		p.space()
		if p.take(']') {
			return items, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

func (p *jsonParser) object(depth int) (any, bool) {
	if depth == 0 {
		return nil, false
	}
	p.at++
	members := object{}
	p.space()
	if p.take('}') {
		return members, true
	}
	for {
		p.space()
		name, ok := p.str()
		if !ok {
			return nil, false
		}
		// compared after escapes are resolved, which can hide that two names are equal
		if _, known := members[name]; known {
			return nil, false
		}
		p.space()
		if !p.take(':') {
			return nil, false
		}
		value, ok := p.value(depth - 1)
		if !ok {
			return nil, false
		}
		members[name] = value
		p.space()
		if p.take('}') {
			return members, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

func (p *jsonParser) digits() bool {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at > start
}

func (p *jsonParser) number() (any, bool) {
	start, isInt := p.at, true
	isNegative := p.take('-')
	if !p.take('0') && !p.digits() {
		return nil, false
	}
	if p.take('.') {
		isInt = false
		if !p.digits() {
			return nil, false
		}
	}
	if p.take('e') || p.take('E') {
		isInt = false
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return nil, false
		}
	}
	text := string(p.text[start:p.at])
	if isInt {
		integer, err := strconv.ParseInt(text, 10, 64)
		// "-0" is a negative zero, which is no integer
		if err == nil && (integer != 0 || !isNegative) {
			return number{isInt: true, isWhole: true, integer: integer, float: float64(integer)}, true
		}
	}
	float, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(float, 0) {
		return nil, false
	}
	return number{isWhole: isInt, float: float}, true
}

func (p *jsonParser) str() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	start := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			text := p.text[start:p.at]
			p.at++
			return string(text), utf8.Valid(text)
		case c == '\\':
			return p.escaped(append([]byte{}, p.text[start:p.at]...))
		case c < 0x20:
			return "", false
		default:
			p.at++
		}
	}
	return "", false
}

// escaped reads the rest of a string that has an escape; text is what was read of it.
func (p *jsonParser) escaped(text []byte) (string, bool) {
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == '"':
			return string(text), utf8.Valid(text)
		case c < 0x20:
			return "", false
		case c != '\\':
			text = append(text, c)
		default:
			char, ok := p.escape()
			if !ok {
				return "", false
			}
			text = utf8.AppendRune(text, char)
		}
	}
	return "", false
}

// escape reads what follows a backslash.
func (p *jsonParser) escape() (rune, bool) {
	if p.at == len(p.text) {
		return 0, false
	}
	c := p.text[p.at]
	p.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return p.unicode()
	default:
		return 0, false
	}
}

func (p *jsonParser) unicode() (rune, bool) {
	first, ok := p.hex()
	if !ok || !utf16.IsSurrogate(first) {
		return first, ok
	}
	if !p.take('\\') || !p.take('u') {
		return 0, false
	}
	second, ok := p.hex()
	char := utf16.DecodeRune(first, second)
	return char, ok && char != utf8.RuneError
}

func (p *jsonParser) hex() (rune, bool) {
	if len(p.text)-p.at < 4 {
		return 0, false
	}
	value, err := strconv.ParseUint(string(p.text[p.at:p.at+4]), 16, 16)
	p.at += 4
	return rune(value), err == nil
}

// appendJSONString appends text as a JSON string. Other than encoding/json it escapes only what it must, as the servers
// do, so that the answers of all languages are the same bytes.
func appendJSONString(to []byte, text string) []byte {
	const digits = "0123456789abcdef"
	to = append(to, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\b':
			to = append(to, `\b`...)
		case c == '\f':
			to = append(to, `\f`...)
		case c == '\n':
			to = append(to, `\n`...)
		case c == '\r':
			to = append(to, `\r`...)
		case c == '\t':
			to = append(to, `\t`...)
		case c < 0x20:
			to = append(to, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
