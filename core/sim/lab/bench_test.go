package lab

import (
	"testing"
	"time"

	"hb/core/detect"
	"hb/core/detect/swim"
)

func BenchmarkThousandMembersForAMinute(b *testing.B) {
	for b.Loop() {
		l := New(Options{Seed: 1, Members: 1000, Detector: swim.New})
		l.Run(time.Minute)
		var sent uint64
		for i := range l.Members() {
			sent += l.Traffic(i).Sent
		}
		b.ReportMetric(float64(sent)/1000/60, "packets/member/s")
	}
}

func BenchmarkPure(b *testing.B) {
	for b.Loop() {
		t := swim.Standard()
		t.InStep, t.RandomTargets = true, true
		l := New(Options{Seed: 1, Members: 200, Detector: t.New, Without: detect.AllExtras})
		l.Run(300 * time.Second)
		var sent uint64
		for i := range l.Members() {
			sent += l.Traffic(i).Sent
		}
		b.ReportMetric(float64(sent)/200/300, "packets/member/s")
	}
}

func BenchmarkKills(b *testing.B) {
	for b.Loop() {
		Trial{Seed: 1, Members: 100, Detector: swim.New, Kills: 400}.Run()
	}
}
