package commands

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhatLooksLikeASecretIsNotReported(t *testing.T) {
	for _, text := range []string{
		"hb join hb1_0123PLANTED4567", "DB_PASSWORD=PLANTED", `{"api_key":"PLANTED","n":1}`, "password: PLANTED", "--token PLANTED", "--db-password=PLANTED",
		"postgres://web:PLANTED@db1/x", "Authorization: Bearer PLANTEDPLANTED", "cookie: a=PLANTED; b=PLANTED", "GET with bearer PLANTEDPLANTED=",
		"-----BEGIN PRIVATE KEY-----\nPLANTED\n-----END PRIVATE KEY-----\nafter", "-----BEGIN EC PRIVATE KEY-----\nPLANTED", `secret = 'PLANTED words'`,
		"my_secret_key='PLANTED'", "AWS_ACCESS_KEY=PLANTED other",
	} {
		got := string(redact([]byte(text)))
		if strings.Contains(got, "PLANTED") || !strings.Contains(got, redacted) {
			t.Errorf("%q becomes %q", text, got)
		}
		if json.Valid([]byte(text)) && !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON any more: %s", text, got)
		}
	}
	for _, text := range []string{
		"web1 is suspect since 12:00: db2: no ack", `{"name":"token-refresh","key":null,"secret":null}`, "hb_log_commit_index 20", "postgres://db1/x",
		"2026-01-01T00:00:00Z hb[1]: dropped input from 10.0.0.1: malformed",
	} {
		if got := string(redact([]byte(text))); got != strings.ReplaceAll(text, `"secret":null`, `"secret":`+redacted) {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
