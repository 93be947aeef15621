// A rule engine to compare with: eKuiper's own planner and topology, fed from memory and read by a sink that counts.
//
// One JSON object on standard input says what to run, one on standard output what was seen (see benches/rules/peer.rs).
// Nothing is decoded while the time is taken.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lf-edge/ekuiper/contract/v2/api"
	"github.com/lf-edge/ekuiper/v2/internal/binder"
	"github.com/lf-edge/ekuiper/v2/internal/binder/function"
	"github.com/lf-edge/ekuiper/v2/internal/binder/io"
	"github.com/lf-edge/ekuiper/v2/internal/conf"
	"github.com/lf-edge/ekuiper/v2/internal/pkg/def"
	"github.com/lf-edge/ekuiper/v2/internal/pkg/store"
	"github.com/lf-edge/ekuiper/v2/internal/processor"
	"github.com/lf-edge/ekuiper/v2/internal/topo/planner"
	"github.com/lf-edge/ekuiper/v2/pkg/cast"
	"github.com/lf-edge/ekuiper/v2/pkg/connection"
	"github.com/lf-edge/ekuiper/v2/pkg/modules"
)

type order struct {
	Events    string   // a file of JSON events, one a line, each with its number `n`
	Streams   int      // event n goes to stream n modulo this
	Rules     []string // rule i may say {} for i
	EventTime bool
	Rate      float64 // events a second; 0: as fast as they are taken
	Rows      int64   // how many rows are put out in all, or events that they count as `seen`: the end of the run
}

type report struct {
	Rows                int64
	Seconds, CPU, P99us float64
	PaceCPU             float64 // what keeping the pace takes of CPU, measured without rules; 0 without a pace
	Before, After       int64   // bytes resident, before and after the rules were made
}

var (
	feeds   = map[string]chan func(api.StreamContext, api.TupleIngest){}
	sent    []int64
	latency []int64
	rows    atomic.Int64
)

type source struct {
	feed chan func(api.StreamContext, api.TupleIngest)
}

func (s *source) Provision(_ api.StreamContext, config map[string]any) error {
	s.feed = feeds[config["datasource"].(string)]
	return nil
}

func (s *source) Connect(_ api.StreamContext, status api.StatusChangeHandler) error {
	status(api.ConnectionConnected, "")
	return nil
}

func (s *source) Subscribe(ctx api.StreamContext, ingest api.TupleIngest, _ api.ErrorIngest) error {
	go func() {
		for {
			select {
			case give := <-s.feed:
				give(ctx, ingest)
			case <-ctx.Done():
				return
			}
		}
	}()
	return nil
}

func (s *source) Close(api.StreamContext) error { return nil }

type sink struct{}

func (sink) Provision(api.StreamContext, map[string]any) error { return nil }
func (sink) Close(api.StreamContext) error                     { return nil }
func (sink) Connect(_ api.StreamContext, status api.StatusChangeHandler) error {
	status(api.ConnectionConnected, "")
	return nil
}

func (sink) Collect(_ api.StreamContext, item api.MessageTuple) error {
	one := int64(1)
	if seen, ok := item.Value("seen", ""); ok {
		one = must(cast.ToInt64(seen, cast.CONVERT_ALL))
	}
	at := rows.Add(one) - one
	if n, ok := item.Value("n", ""); ok && latency != nil {
		if n, ok := n.(int64); ok && at < int64(len(latency)) {
			latency[at] = time.Now().UnixNano() - atomic.LoadInt64(&sent[n])
		}
	}
	return nil
}

func (sink) CollectList(_ api.StreamContext, items api.MessageTupleList) error {
	rows.Add(int64(items.Len()))
	return nil
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// Bytes resident, after what is free was given back.
func resident() int64 {
	debug.FreeOSMemory()
	var pages, shared int64
	file := string(must(os.ReadFile("/proc/self/statm")))
	must(fmt.Sscan(file, &pages, &shared))
	must(fmt.Sscan(file[len(fmt.Sprint(pages)):], &shared))
	return shared * int64(os.Getpagesize())
}

func read(path string) (events []map[string]any) {
	file := must(os.Open(path))
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var event map[string]any
		check(json.Unmarshal(lines.Bytes(), &event))
		// Integers are integers, as the engine's own reader has them.
		for _, name := range []string{"n", "ts", "track"} {
			if number, ok := event[name].(float64); ok {
				event[name] = int64(number)
			}
		}
		events = append(events, event)
	}
	check(lines.Err())
	return events
}

// CPU seconds that it takes to hand so many events to a source at their times, when nobody does anything with them. A part of them is
// enough to tell.
func pace(rate float64, events int) float64 {
	some := min(events, 2500)
	feed := make(chan func(), 64)
	go func() {
		for give := range feed {
			give()
		}
	}()
	begun, spent := time.Now(), cpu()
	for n := range some {
		time.Sleep(time.Until(begun.Add(time.Duration(float64(n) / rate * 1e9))))
		feed <- func() {}
	}
	close(feed)
	return (cpu() - spent) / float64(some) * float64(events)
}

func setUp() {
	conf.SetupEnv()
	conf.InitConf()
	check(store.SetupDefault(must(conf.GetDataLoc())))
	check(function.Initialize([]binder.FactoryEntry{}))
	check(io.Initialize([]binder.FactoryEntry{}))
	check(connection.InitConnectionManager4Test())
	modules.RegisterSource("bench", func() api.Source { return &source{} })
	modules.RegisterSink("bench", func() api.Sink { return sink{} })
}

func main() {
	var o order
	check(json.NewDecoder(os.Stdin).Decode(&o))
	setUp()
	events := read(o.Events)
	sent = make([]int64, len(events))
	if o.Rate > 0 {
		latency = make([]int64, o.Rows)
	}
	// A stream that several rules share cannot be told to wait for them: it drops what they do not take in time.
	shared := len(o.Rules) > o.Streams
	streams := processor.NewStreamProcessor()
	for i := range o.Streams {
		name := fmt.Sprintf("s%d", i)
		feeds[name] = make(chan func(api.StreamContext, api.TupleIngest), 64)
		timed := ""
		if o.EventTime {
			timed = `, TIMESTAMP="ts"`
		}
		must(streams.ExecStmt(fmt.Sprintf(
			`CREATE STREAM %s () WITH (DATASOURCE="%s", TYPE="bench", FORMAT="json", SHARED="%t"%s)`, name, name, shared, timed)))
	}
	var r report
	if o.Rate > 0 {
		r.PaceCPU = pace(o.Rate, len(events))
	}
	r.Before = resident()
	for i, sql := range o.Rules {
		options := &def.RuleOption{
			IsEventTime: o.EventTime, LateTol: cast.DurationConf(time.Second), Concurrency: 1, BufferLength: 1024,
			// Its incremental windows are an option; here they took twenty times as long as those that keep their rows.
			DisableBufferFullDiscard: !shared,
		}
		topo := must(planner.Plan(&def.Rule{
			Id: fmt.Sprintf("rule%d", i), Sql: sql, Options: options,
			Actions: []map[string]any{{"bench": map[string]any{"sendSingle": true, "bufferLength": 1024}}},
		}))
		topo.Open()
	}
	time.Sleep(2 * time.Second) // until all have begun
	r.After = resident()
	begun, spent := time.Now(), cpu()
	for n, event := range events {
		if o.Rate > 0 {
			due := begun.Add(time.Duration(float64(n) / o.Rate * 1e9))
			time.Sleep(time.Until(due))
		}
		feeds[fmt.Sprintf("s%d", n%o.Streams)] <- func(ctx api.StreamContext, ingest api.TupleIngest) {
			now := time.Now()
			atomic.StoreInt64(&sent[n], now.UnixNano())
			ingest(ctx, event, nil, now)
		}
	}
	for last := time.Now(); rows.Load() < o.Rows && time.Since(last) < time.Minute; {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	r.Seconds, r.CPU = time.Since(begun).Seconds(), cpu()-spent
	r.Rows = rows.Load()
	if n := min(int(r.Rows), len(latency)); n > 0 {
		sort.Slice(latency[:n], func(a, b int) bool { return latency[a] < latency[b] })
		r.P99us = float64(latency[n*99/100]) / 1e3
	}
	check(json.NewEncoder(os.Stdout).Encode(r))
}
