// Package systemd holds what makes hb a service of a machine with systemd, and
// tests it there. Below root every file stands where a package puts it:
//
//	hb.service               the node
//	hb-online.target         reached when the cluster can be used: what needs it starts
//	                         after that
//	hb-wait-online.service   what the target waits for
//	sysusers.d/hb.conf       the user and group hb
//
// There is no tmpfiles.d: the unit's own directories are all that is needed.
//
// The tests ask systemd-analyze what it thinks of the units, and boot a systemd of
// their own, in namespaces, over a copy of this machine's files.
package systemd
