package systemd

// Files says where each file of this directory belongs on a machine.
func Files() map[string]string {
	return map[string]string{
		"hb.service":             "usr/lib/systemd/system/hb.service",
		"hb-wait-online.service": "usr/lib/systemd/system/hb-wait-online.service",
		"hb-online.target":       "usr/lib/systemd/system/hb-online.target",
		"hb.sysusers":            "usr/lib/sysusers.d/hb.conf",
	}
}
