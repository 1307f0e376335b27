package systemd

import (
	"testing"
)

const tasks = `cat >>/etc/hb/hb.toml <<'EOT'
[tasks.nap]
command = ["sleep", "600"]
[tasks.who]
command = ["id", "-un"]
[tasks.mount]
command = ["mount", "-t", "tmpfs", "hb-task", "/mnt"]
user = "root"
[tasks.ask]
command = ["hb", "members", "-o", "plain"]
EOT`

func TestTheServiceDoesWhatItsUnitPromises(t *testing.T) {
	m := boot(t)
	m.sh("ip link set lo up && systemd-sysusers && id hb")

	// hb init enables and starts it, and comes back when it is a member.
	m.sh("hb init --name n1 --bind 127.0.0.1:7117 --advertise 127.0.0.1")
	m.want("systemctl is-enabled hb", "enabled")
	m.want("systemctl is-active hb", "active")
	m.until("systemctl show -P StatusText hb | grep -q '^leader, term [0-9]*, 1/1 alive$'")
	m.want("stat -c '%A %U %G' /run/hb /var/lib/hb", "drwxr-x--- root hb\ndrwx------ root root")

	// a reload
	m.sh(tasks)
	m.sh("systemctl reload hb || systemctl kill --signal=HUP --kill-who=main hb")
	m.until("hb tasks defined | grep -q ^who")

	// Tasks find a normal machine.
	m.want("hb run who", "hb")
	m.sh("hb run mount")
	m.want("grep hb-task /proc/1/mounts", "/mnt")
	m.want("hb run ask", "n1")

	// A restart, and a daemon that hangs, let tasks go on.
	m.sh("hb submit nap >/tmp/task")
	m.until("pgrep -x sleep >/tmp/pid")
	m.sh("systemctl restart hb && hb wait ready leader && kill -0 $(cat /tmp/pid)")
	m.sh("systemctl kill --signal=KILL --kill-who=main hb")
	m.until("test $(systemctl show -P NRestarts hb) = 1 && hb wait ready leader --timeout 10s")
	m.sh("kill -0 $(cat /tmp/pid)")

	// What needs the cluster waits for the target.
	m.sh("systemctl start hb-online.target")
	m.want("systemctl is-active hb-online.target hb-wait-online.service", "active\nactive")
	m.sh("systemctl restart hb")
	m.want("systemctl is-active hb-online.target", "active")

	// Its end ends tasks, and leaves nothing.
	m.sh("systemctl stop hb")
	m.want("systemctl is-failed hb || true", "inactive")
	m.sh("! pgrep -x sleep && ! pgrep -f '[h]b runner'")

	// Without credentials it does not try again and again.
	m.sh("mv /var/lib/hb /var/lib/hb.aside; systemctl start hb && exit 1; systemctl show -P ExecMainStatus hb | grep -x 78")
	m.want("systemctl is-failed hb", "failed")
	m.want("systemctl show -P StatusText hb", "this machine has no credentials")
}

func TestTheSocketGoesToAGroupThatIsMadeLaterAndWhoHasLeftIsNotStartedAgain(t *testing.T) {
	m := boot(t)
	m.sh("ip link set lo up; { userdel hb; groupdel hb; } 2>&1 || true; ! getent group hb") // in its own copy of /etc
	const other = "--config /tmp/other.toml"
	m.sh("hb init " + other + " --data /tmp/other --socket /tmp/other.sock --name n0 --no-start --bind 127.0.0.1:7200 >/tmp/token")
	m.sh("systemd-run --unit other hb node " + other)
	m.until("hb wait ready --socket /tmp/other.sock --timeout 5s")
	const join = "hb join @/tmp/token 127.0.0.1:7200 --name n1 --bind 127.0.0.1:7117 --advertise 127.0.0.1"
	m.sh(join)
	m.want("stat -c '%A %U %G' /run/hb /run/hb/hb.sock", "drwxr-x--- root root\nsrw------- root root")

	m.sh("groupadd --system hb && { systemctl reload hb || systemctl kill --signal=HUP --kill-who=main hb; }")
	m.until("stat -c '%A %U %G' /run/hb/hb.sock | grep -qx 'srw-rw---- root hb'")
	m.until("stat -c '%A %U %G' /run/hb | grep -qx 'drwxr-x--- root hb'")
	m.sh("setpriv --reuid 12345 --regid $(getent group hb | cut -d: -f3) --clear-groups hb members -o plain | grep -q ^n1")

	m.want("systemctl is-enabled hb", "enabled")
	m.want("hb leave --yes --timeout 60s 2>&1", "disabled hb.service: ")
	m.want("systemctl is-enabled hb || true", "disabled")
	m.until("test $(systemctl is-active hb || true) = inactive")
	m.sh("systemctl start hb && exit 1; systemctl show -P ExecMainStatus hb | grep -x 78")
	m.want("systemctl show -P StatusText hb", "this machine has left its cluster")
	m.want("systemctl is-active hb || true", "failed")
	m.sh("systemctl reset-failed hb && " + join)
	m.want("systemctl is-enabled hb", "enabled")
}
