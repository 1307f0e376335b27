package control

import (
	"bytes"
	"strconv"
)

// plain is one request, in the bytes in which it came.
type plain struct {
	line, body []byte
	size       int // of head and body
}

// plainRequest reads the request at the beginning of b; false unless it is there
// to its end, and means to any HTTP server what it means here: HTTP/1.1, only
// headers that change nothing, a body exactly if there is a Content-Length.
func plainRequest(b []byte) (r plain, ok bool) {
	head, _, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole || !printable(head) {
		return r, false
	}
	var fields []byte
	r.line, fields, _ = bytes.Cut(head, crlf)
	host, length := false, -1
	for len(fields) > 0 {
		var field []byte
		field, fields, _ = bytes.Cut(fields, crlf)
		name, value, is := bytes.Cut(field, []byte(": "))
		if !is {
			return r, false
		}
		switch string(name) {
		case "Host":
			if host || !plainHost(value) {
				return r, false
			}
			host = true
		case "Content-Length":
			n, err := strconv.ParseUint(string(value), 10, 16)
			if err != nil || length >= 0 {
				return r, false
			}
			length = int(n)
		case "Connection":
			if string(value) != "keep-alive" {
				return r, false
			}
		case "User-Agent", "Accept", "Accept-Encoding", "Content-Type":
		default:
			return r, false
		}
	}
	r.size = len(head) + 2*len(crlf) + max(length, 0)
	if post := bytes.HasPrefix(r.line, []byte("POST ")); !host || post != (length >= 0) || r.size > len(b) {
		return r, false
	}
	r.body = b[r.size-max(length, 0) : r.size]
	return r, true
}

var crlf = []byte("\r\n")

// printable says that a head has lines that end as they should, of nothing but
// plain text.
func printable(head []byte) bool {
	for i, c := range head {
		switch {
		case c >= ' ' && c < 0x7f:
		case c == '\r' && i+1 < len(head) && head[i+1] == '\n':
		case c == '\n' && i > 0 && head[i-1] == '\r':
		default:
			return false
		}
	}
	return true
}

// plainHost says that a host's name needs no second look.
func plainHost(name []byte) bool {
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == ':':
		default:
			return false
		}
	}
	return len(name) > 0
}
