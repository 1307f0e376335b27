package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"hb/core/sim/lab"
)

// keep holds what finished runs found, and writes each to a file as a line of
// JSON.
type keep struct {
	mutex sync.Mutex
	found map[key]*lab.Toll
	file  *os.File // nil: none
	err   error    // of writing, the first
}

// key names a run.
type key struct {
	Variant string
	lab.Anomaly
}

func (j job) key() key { return key{j.variant.Name, j.anomaly} }

// line is one run in the file.
type line struct {
	Run  key
	Toll *lab.Toll
}

// open reads what a file has, and appends to it from then on. A last line that
// was cut short by an interruption is not there.
func open(name string) (*keep, error) {
	k := &keep{found: map[key]*lab.Toll{}}
	if name == "" {
		return k, nil
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	k.file = file
	whole := int64(0)
	for lines := bufio.NewReader(file); ; {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil || l.Toll == nil {
			return nil, fmt.Errorf("%s holds something else than runs at byte %d: %q", name, whole, text[:min(len(text), 40)])
		}
		k.found[l.Run] = l.Toll
		whole += int64(len(text))
	}
	if err := file.Truncate(whole); err != nil {
		return nil, err
	}
	_, err = file.Seek(whole, 0)
	return k, err
}

// missing lists the runs that are still to be done.
func (k *keep) missing(jobs []job) (left []job) {
	for _, j := range jobs {
		if k.found[j.key()] == nil {
			left = append(left, j)
		}
	}
	return left
}

func (k *keep) add(j job, toll *lab.Toll) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.found[j.key()] = toll
	if k.file == nil || k.err != nil {
		return
	}
	text, err := json.Marshal(line{j.key(), toll})
	if err == nil {
		_, err = k.file.Write(append(text, '\n'))
	}
	k.err = err
}

func (k *keep) close() {
	if k.file != nil {
		k.file.Close()
	}
}
