package commands

import "regexp"

// redacted stands where something was that is nobody's business.
const redacted = "[redacted]"

// pattern is what a kind of secret looks like, wherever it stands, and what comes in
// its place.
type pattern struct{ looks, by string }

// patterns are in the order in which they are looked for. They are compiled only
// where something is redacted: every other command would pay for that.
func patterns() []pattern {
	return []pattern{
		{`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`, redacted}, // private keys
		{`\bhb1_[0-9A-Za-z]+`, redacted}, // join tokens
		{`\b([a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@"]*:)[^\s@/"]+@`, "${1}" + redacted + "@"},                                                                                 // passwords in addresses
		{`(?i)((?:authorization|proxy-authorization|cookie|set-cookie)["']?\s*[=:]\s*)[^\n"]+`, "${1}" + redacted},                                                       // HTTP headers
		{`(?i)\b(bearer|basic) +[A-Za-z0-9+/=._~-]{8,}`, "${1} " + redacted},                                                                                             // their values
		{`(?i)(--?[a-z-]*(?:password|passwd|secret|token|api-?key)[ =])\S+`, "${1}" + redacted},                                                                          // flags of commands
		{`(?i)([a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[a-z0-9_-]*["']?\s*[=:]\s*["'])[^"'\n]+`, "${1}" + redacted},  // settings
		{`(?i)([a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|credential)[a-z0-9_-]*["']?\s*[=:]\s*)[^\s"',;}\[]+`, "${1}" + redacted}, // settings without quotes
	}
}

// redact takes out of a text what looks like a secret.
func redact(text []byte) []byte {
	for _, p := range patterns() {
		text = regexp.MustCompile(p.looks).ReplaceAll(text, []byte(p.by))
	}
	return text
}
