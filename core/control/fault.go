package control

import (
	"bytes"
	"encoding/json"
	"net/http"

	"hb/core"
)

// errorBody is how a fault travels.
type errorBody struct {
	Error *errorDetail `json:"error"`
}

type errorDetail struct {
	Code    int     `json:"code"`
	Message string  `json:"message"`
	Hint    *string `json:"hint"`
}

func encodeFault(f *core.Fault) []byte {
	b, err := json.Marshal(errorBody{&errorDetail{Code: int(f.Code), Message: f.Message, Hint: text(f.Hint)}})
	if err != nil {
		panic(err) // strings and a number
	}
	return append(b, '\n')
}

// decodeFault reads an error; nil when the bytes are none.
func decodeFault(b []byte) *core.Fault {
	if !bytes.HasPrefix(b, []byte(`{"error":`)) {
		return nil
	}
	var body errorBody
	if err := json.Unmarshal(b, &body); err != nil || body.Error == nil || body.Error.Code == 0 {
		return nil
	}
	f := &core.Fault{Code: core.Code(body.Error.Code), Message: body.Error.Message}
	if body.Error.Hint != nil {
		f.Hint = *body.Error.Hint
	}
	return f
}

// httpStatus says in HTTP's words what a code means.
func httpStatus(c core.Code) int {
	switch c {
	case core.CodeUsage:
		return http.StatusBadRequest
	case core.CodeBadInput:
		return http.StatusConflict
	case core.CodeUnheard, core.CodeNo:
		return http.StatusNotFound
	case core.CodeBusy:
		return http.StatusTooManyRequests
	case core.CodeDenied:
		return http.StatusForbidden
	case core.CodeNoQuorum, core.CodeNoNode:
		return http.StatusServiceUnavailable
	case core.CodeTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
