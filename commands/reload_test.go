package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAConfigurationThatIsGoneIsNotReadAsDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hb.toml")
	if err := stillThere(path); err == nil || !strings.Contains(err.Error(), "hb.toml is gone") {
		t.Errorf("of a file that is gone: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{path, ""} {
		if err := stillThere(there); err != nil {
			t.Errorf("of %q: %v", there, err)
		}
	}
}
