package manifest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// memberOf is one key of a document and its value: an object, a list, a map, a text, a
// json.Number, a bool or nil. One without a key is a comment.
type memberOf struct {
	key   string
	value any
	// unordered tells that the value is a list whose order has no meaning.
	unordered bool
}

// object is a mapping whose keys have an order.
type object []memberOf

// MarshalJSON writes the mapping in its order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, part := range []any{m.key, m.value} {
			text, err := json.Marshal(part)
			if err != nil {
				return nil, err
			}
			b.Write(text)
			b.WriteByte(':')
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// put appends a member, unless there is nothing to say.
func (o *object) put(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case meshhook.Duration:
		if v == 0 {
			return
		}
		value = v.String()
	}
	*o = append(*o, memberOf{key: key, value: value})
}

// putSet appends a list whose order has no meaning, unless it is empty.
func putSet[T any](o *object, key string, list []T, text func(T) string) {
	if len(list) == 0 {
		return
	}
	*o = append(*o, memberOf{key, listOf(list, text), true})
}

func listOf[T any](list []T, text func(T) string) []any {
	texts := make([]any, len(list))
	for i, item := range list {
		texts[i] = text(item)
	}
	return texts
}

func mapOf(texts map[string]string) map[string]any {
	values := make(map[string]any, len(texts))
	for key, value := range texts {
		values[key] = value
	}
	return values
}

// dataOf reads JSON as it is compared and written: numbers as they are spelt. What is no
// JSON is a text.
func dataOf(source []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()
	var data any
	if decoder.Decode(&data) != nil || decoder.More() {
		return string(source)
	}
	return data
}

// maxInline is how deep what stands in a document may be: it has a level of its own, and
// readers count them.
const maxInline = 50

// inlined is a schema as it stands in a document: as JSON in a text where it would be
// taken for something else or is too deep.
func inlined(data any, source []byte) any {
	if fields, is := data.(map[string]any); is {
		if _, file := fields["file"]; file && len(fields) == 1 || depth(data) > maxInline {
			return string(source)
		}
	}
	return data
}

func depth(data any) (deepest int) {
	switch v := data.(type) {
	case map[string]any:
		for _, value := range v {
			deepest = max(deepest, depth(value))
		}
	case []any:
		for _, value := range v {
			deepest = max(deepest, depth(value))
		}
	default:
		return 0
	}
	return deepest + 1
}

func itself(s string) string { return s }

// showWebhook is what a document says of a webhook. Defaults are left out: maxBody is that
// of max_body.
func showWebhook(e meshhook.Endpoint, maxBody int64) (o object) {
	o.put(keyWebhook, e.Path)
	o.put("workflow", e.Workflow)
	o.put("description", e.Description)
	if !e.Enabled {
		o.put("enabled", false)
	}
	if v := showVerification(e.Verification); len(v) > 1 || e.Verification.Scheme != "hmac" {
		o.put("verification", v)
	}
	if !slices.Equal(e.Methods, []string{"POST"}) {
		putSet(&o, "methods", e.Methods, itself)
	}
	putSet(&o, "allowed_ips", e.AllowedIPs, netip.Prefix.String)
	if e.RateLimit != nil {
		o.put("rate_limit", e.RateLimit.String())
	}
	if e.MaxBody != maxBody {
		o.put("max_body", meshhook.FormatSize(e.MaxBody))
	}
	if e.Schema != nil {
		o.put("schema", inlined(dataOf(e.Schema), e.Schema))
	}
	o.put("dedup", e.Dedup)
	if e.DedupWindow.Std() != meshhook.DefaultDedupWindow {
		o.put("dedup_window", e.DedupWindow)
	}
	o.put("filter", e.Filter)
	if e.Response != nil {
		o.put("response", showResponse(*e.Response))
	}
	return o
}

func showVerification(v meshhook.Verification) (o object) {
	o.put("scheme", v.Scheme)
	o.put("header", v.Header)
	o.put("query", v.Query)
	o.put("prefix", v.Prefix)
	o.put("algorithm", v.Algorithm)
	o.put("encoding", v.Encoding)
	o.put("secret_encoding", v.SecretEncoding)
	o.put("template", v.Template)
	o.put("timestamp_header", v.TimestampHeader)
	o.put("timestamp_format", v.TimestampFormat)
	o.put("id_header", v.IDHeader)
	o.put("tolerance", v.Tolerance)
	o.put("issuer", v.Issuer)
	o.put("audience", v.Audience)
	if len(v.Claims) > 0 {
		o.put("claims", mapOf(v.Claims))
	}
	o.put("jwks_url", v.JWKSURL)
	if v.ConfirmSubscription {
		o.put("confirm_subscription", true)
	}
	return o
}

func showResponse(r meshhook.Response) (o object) {
	o.put("from", r.From)
	o.put("timeout", r.Timeout)
	if r.Status != 0 {
		o.put("status", number(r.Status))
	}
	o.put("content_type", r.ContentType)
	if len(r.Headers) > 0 {
		o.put("headers", mapOf(r.Headers))
	}
	if source, err := json.Marshal(r.Body); err == nil && r.Body != nil {
		o = append(o, memberOf{key: "body", value: dataOf(source)}) // "" is a body, too
	}
	return o
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// showAlert is what a document says of an alert, as it is. Defaults are left out.
func showAlert(a meshhook.Alert) (o object) {
	o.put(keyAlert, a.Name)
	if a.Workflow != "" {
		o.put("workflow", a.Workflow)
	} else {
		o.put("all_workflows", true)
	}
	o.put("description", a.Description)
	if !a.Enabled {
		o.put("enabled", false)
	}
	putSet(&o, "on", a.On, func(c meshhook.Condition) string { return string(c) })
	o.put("when", a.When)
	o.put("delay_threshold", a.DelayThreshold)
	if a.Expect != nil {
		o.put("expect", object{{key: "webhook", value: a.Expect.Webhook}, {key: "within", value: a.Expect.Within.String()}})
	}
	o.put("url", a.URL)
	if a.Preset != alert.PresetGeneric {
		o.put("preset", a.Preset)
	}
	if len(a.Headers) > 0 {
		headers := map[string]any{}
		for name, value := range a.Headers {
			headers[http.CanonicalHeaderKey(name)] = value
		}
		o.put("headers", headers)
	}
	if a.Payload != nil {
		o = append(o, memberOf{key: "payload", value: dataOf(a.Payload)})
	}
	if a.Signing != meshhook.SigningV1 {
		o.put("signing", string(a.Signing))
	}
	o.put("throttle", a.Throttle)
	o.put("throttle_key", a.ThrottleKey)
	if a.Quiet != nil {
		quiet := object{{key: "from", value: a.Quiet.From}, {key: "to", value: a.Quiet.To}}
		quiet.put("zone", a.Quiet.Zone)
		o.put("quiet_hours", quiet)
	}
	if a.Schedule != nil {
		o.put("schedule", listOf(a.Schedule, meshhook.Duration.String))
	}
	if a.Timeout.Std() != alert.DefaultTimeout {
		o.put("timeout", a.Timeout)
	}
	return o
}

// same tells whether two members mean the same.
func same(a, b memberOf) bool {
	return a.key == b.key && bytes.Equal(canonical(a), canonical(b))
}

// canonical is a member as JSON that is equal for what means the same.
func canonical(m memberOf) []byte {
	value := m.value
	if source, is := value.(string); is && m.key == "schema" {
		value = dataOf([]byte(source))
	}
	if list, is := value.([]any); is && m.unordered {
		list = slices.Clone(list)
		slices.SortFunc(list, func(a, b any) int { return bytes.Compare(canonical(memberOf{value: a}), canonical(memberOf{value: b})) })
		value = slices.CompactFunc(list, func(a, b any) bool { return a == b })
	}
	text, _ := json.Marshal(value) // of what was JSON before
	return text
}
