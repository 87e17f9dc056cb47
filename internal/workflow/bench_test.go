package workflow_test

import (
	"testing"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

const orders = `
name: orders
steps:
  - id: order
    transform: "{id: .event.body.id, total: ([.event.body.lines[].price] | add)}"
  - id: crm
    if: .steps.order.total > 0
    http:
      url: "https://crm.example.com/orders/{{ .steps.order.id }}"
      headers: { Authorization: "Bearer {{ .secrets.token }}" }
      body: { order: "{{ .steps.order }}", note: "received at {{ .event.received_at }}" }
  - id: end
    terminate: { output: "{{ .steps.crm.status }}" }
`

// order is an event with a JSON body of 2 KB.
func order() *meshhook.Event {
	body := []byte(`{"id": 9007199254740993, "lines": [`)
	for i := range 28 {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"sku": "A-1000-2000-3000", "name": "A thing of beauty", "price": 1250}`...)
	}
	return &meshhook.Event{ID: runID, Method: "POST", ContentType: "application/json", ReceivedAt: began, Body: append(body, "]}"...)}
}

// What a run of three steps costs here: both decisions and the judgement.
func BenchmarkNext(b *testing.B) {
	p := compile(b, orders)
	b.ReportAllocs()
	for b.Loop() {
		s := state()
		s.Event = order()
		d := next(b, p, s)
		add(s, d.Steps...)
		add(s, p.Settle(d.Perform[0], s, workflow.Result{Status: 200, Body: []byte("ok")}))
		if d = next(b, p, s); d.Finish == nil {
			b.Fatal("the run goes on")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		parse(b, orders)
	}
}

// The longest workflow that is allowed, decided in one turn.
func BenchmarkNext_LongChain(b *testing.B) {
	src := "name: x\nsteps:\n"
	for i := range 1000 {
		src += "- {id: s" + string(rune('a'+i/26/26)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26)) + ", transform: .event.body.id}\n"
	}
	p := compile(b, src)
	b.ReportAllocs()
	for b.Loop() {
		if d := next(b, p, state()); len(d.Steps) != 1000 {
			b.Fatal("not all steps were decided")
		}
	}
}
