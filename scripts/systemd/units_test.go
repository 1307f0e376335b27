package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const unitDir = "root/usr/lib/systemd/system/"

// units copies the units to where systemd-analyze finds their program. Of a systemd
// too old for Type=notify-reload, it gives what that reads.
func units(t *testing.T) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("SKIPPED: systemd-analyze is not installed, so the units are NOT checked in this run")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	files, err := filepath.Glob(unitDir + "hb*")
	if err != nil || len(files) != 3 {
		t.Fatalf("the units are %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		unit := strings.ReplaceAll(string(text), "/usr/bin/hb", program)
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSystemdFindsNothingWrongWithTheUnits(t *testing.T) {
	dir := units(t)
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", "./hb.service", "./hb-wait-online.service", "./hb-online.target")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze verify: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		// What systemd before 253 says, and the unit counts on.
		if !strings.HasSuffix(line, "Failed to parse service type, ignoring: notify-reload\n") && strings.Contains(line, "hb") {
			t.Error(line)
		}
	}
}

func TestTheUnitsAreAsConfinedAsTheyCanBe(t *testing.T) {
	dir := units(t)
	for unit, threshold := range map[string]string{
		"hb-wait-online.service": "15", // in tenths: 1.5 of 10
		"hb.service":             "94",
	} {
		out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+threshold, filepath.Join(dir, unit)).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
}

// Tasks inherit the sandbox of the daemon, and are to find a normal machine.
func TestNothingIsTakenFromTheDaemonThatItsTasksNeed(t *testing.T) {
	text, err := os.ReadFile(unitDir + "hb.service")
	if err != nil {
		t.Fatal(err)
	}
	for setting, why := range map[string]string{
		`(Protect|Private)\w+|(ReadOnly|Inaccessible)Paths|TemporaryFileSystem`: "a namespace of mounts hides what tasks mount from the machine",
		`SystemCall\w+|Restrict\w+|LockPersonality|MemoryDenyWriteExecute`:      "a filter of system calls breaks programs in tasks",
		`CapabilityBoundingSet|DevicePolicy|IPAddress\w+`:                       "root's tasks do what root does",
		`Limit\w+|Memory\w+|CPUQuota`:                                           "a limit of the daemon would be one of all tasks together",
		`ExecReload`:                                                            "from systemd 253 on there would be two reloads",
	} {
		if found := regexp.MustCompile(`(?m)^(` + setting + `)=.*`).Find(text); found != nil {
			t.Errorf("%s: %s", found, why)
		}
	}
	for _, setting := range []string{"KillMode=process", "RestartKillSignal=SIGUSR1", "Delegate=yes", "OOMPolicy=continue", "TasksMax=infinity", "NotifyAccess=main", "NoNewPrivileges=yes"} {
		if !strings.Contains(string(text), "\n"+setting+"\n") {
			t.Errorf("it does not say %s", setting)
		}
	}
}
