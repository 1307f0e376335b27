package store

// OS is the file system of this machine below dir, which is made if it is not
// there (mode 0700). The error is a *core.Fault.
func OS(dir string) (FS, error) { panic("soon") }
