package ledger

// The variables in which a task is told why it was made, and which part it is.
const (
	EnvArrayIndex    = "HB_ARRAY_INDEX"
	EnvArrayID       = "HB_ARRAY_ID"
	EnvFailedTask    = "HB_FAILED_TASK"
	EnvFailedName    = "HB_FAILED_NAME"
	EnvFailedStatus  = "HB_FAILED_STATUS"
	EnvSchedule      = "HB_SCHEDULE"
	EnvScheduledTime = "HB_SCHEDULED_TIME" // in Unix seconds
	EnvEventKind     = "HB_EVENT_KIND"
	EnvEventSubject  = "HB_EVENT_SUBJECT"
	EnvEventDetail   = "HB_EVENT_DETAIL"
)

// TellsWhy says whether a variable is one of those. A task by name takes no other
// from outside: most programs can be led astray by some variable.
func TellsWhy(name string) bool {
	switch name {
	case EnvArrayIndex, EnvArrayID, EnvFailedTask, EnvFailedName, EnvFailedStatus,
		EnvSchedule, EnvScheduledTime, EnvEventKind, EnvEventSubject, EnvEventDetail:
		return true
	}
	return false
}
