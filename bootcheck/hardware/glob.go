package hardware

import "strings"

// normalise writes "_" for "-" outside of brackets, as kmod does on both sides
// of a lookup (see alias_normalize in its shared/util.c). It says no for an
// alias that kmod refuses: too long, or with brackets that don't match.
func normalise(alias string) (string, bool) {
	if len(alias) > maxAlias {
		return "", false
	}
	if !strings.ContainsAny(alias, "-[]") {
		return alias, true
	}
	out := []byte(alias)
	for i := 0; i < len(out); i++ {
		switch out[i] {
		case '-':
			out[i] = '_'
		case ']':
			return "", false
		case '[':
			n := strings.IndexByte(alias[i:], ']')
			if n < 0 {
				return "", false
			}
			i += n
		}
	}
	return string(out), true
}

// literal returns what stands before the first wildcard of a pattern.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, "*?["); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// glob matches as fnmatch(3) does without flags: "*", "?", "[...]", and "\"
// before a character that stands for itself. It counts what it compares down in
// steps, and gives up when that is below zero. Only the last "*" is ever tried
// again, which is enough, so the work is len(pattern) times len(s) at most.
func glob(pattern, s string, steps *int) bool {
	p, i := 0, 0
	star, mark := -1, 0 // the last "*", and what of s it takes
	for i < len(s) {
		if *steps--; *steps < 0 {
			return false
		}
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, i
			p++
			continue
		}
		if n := one(pattern[p:], s[i], steps); n > 0 {
			p += n
			i++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// one matches a character with the beginning of a pattern that is no "*". It
// returns how long that is, zero if it does not match.
func one(pattern string, c byte, steps *int) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if n, in := bracket(pattern, c); n > 0 {
			*steps -= n
			if in {
				return n
			}
			return 0
		}
	case '\\':
		if len(pattern) > 1 {
			if pattern[1] == c {
				return 2
			}
			return 0
		}
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}

// bracket matches a character with "[...]" at the beginning of a pattern. The
// length is zero when there is no end to it.
func bracket(pattern string, c byte) (length int, in bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, in != negated
		}
		low, n := char(pattern[i:])
		i += n
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, n = char(pattern[i+1:])
			i += 1 + n
		}
		in = in || low <= c && c <= high
	}
	return 0, false
}

// char is the character at the beginning of what stands in brackets.
func char(s string) (c byte, length int) {
	if s[0] == '\\' && len(s) > 1 {
		return s[1], 2
	}
	return s[0], 1
}
