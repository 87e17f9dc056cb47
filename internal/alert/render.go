package alert

import (
	"context"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

const (
	// MaxBody is the longest body of a message, in bytes.
	MaxBody = 1 << 20
	// maxKey is the longest key of a throttle; of a longer result the beginning counts.
	maxKey = 512
)

// Wanted tells whether the alert's `when` lets this through. An error says that
// `when` failed: then it narrows nothing, and wanted is true, since a message too
// many is better than none. When ctx has ended, wanted is false and the error the
// context's.
func (p *Program) Wanted(ctx context.Context, s *Subject) (wanted bool, err error) {
	if p.when == nil {
		return true, nil
	}
	wanted, err = p.when.True(ctx, s.seen(p.when.References()))
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return wanted || err != nil, s.hide("when", err)
}

// ThrottleKey returns what shares the alert's throttle with this: the result of its
// expression, as text, or by default the type and what it is about, so that a
// failure holds back neither a recovery nor the failure of another workflow. An
// error says that the expression failed; the key beside it is the default one. When
// ctx has ended, the error is the context's.
func (p *Program) ThrottleKey(ctx context.Context, s *Subject) (string, error) {
	kind, name := s.thing()
	ours := string(s.Delivery.Type) + " " + kind + " " + name
	if p.throttleKey == nil {
		return ours, nil
	}
	value, err := p.throttleKey.One(ctx, s.seen(p.throttleKey.References()))
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return ours, s.hide("throttle_key", err)
	}
	key, isText := value.(string)
	if !isText {
		text, err := encode(value)
		if err != nil {
			return ours, s.hide("throttle_key", err)
		}
		key = string(text)
	}
	return key[:min(len(key), maxKey)], nil
}

// Render makes the message, all but its signature and User-Agent. A payload that
// fails gives way to the preset's own message, and a header that fails is left out;
// Fallback says so. A URL that fails is an error with CodeInvalid: the delivery is
// exhausted by meshhook.DeliveryExpression. When ctx has ended, the error is the
// context's.
func (p *Program) Render(ctx context.Context, s *Subject) (meshhook.AlertRequest, error) {
	target, err := p.url.Render(ctx, s.seen(p.url.References()))
	switch {
	case ctx.Err() != nil:
		return meshhook.AlertRequest{}, ctx.Err()
	case err != nil:
		return meshhook.AlertRequest{}, s.hide("url", err)
	}
	m := &making{ctx: ctx, program: p, subject: s, notice: noticeOf(s), request: meshhook.AlertRequest{URL: target, Headers: map[string]string{}}}
	if err := m.body(); err != nil {
		return meshhook.AlertRequest{}, err
	}
	m.headers()
	if ctx.Err() != nil { // what failed may have failed for that
		return meshhook.AlertRequest{}, ctx.Err()
	}
	m.request.Fallback = strings.Join(m.fallbacks, "; ")
	return m.request, nil
}

// seen returns the context for an expression that reads these; nil where it reads
// nothing, which spares making one.
func (s *Subject) seen(references []string) any {
	if len(references) == 0 {
		return nil
	}
	return s.Context()
}

// hide is the error of one of the alert's parts, without secrets.
func (s *Subject) hide(part string, err error) error {
	if err == nil {
		return nil
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "%s: %s", part, s.Masker().Text(err.Error()))
}

// making is a message in the making.
type making struct {
	ctx       context.Context
	program   *Program
	subject   *Subject
	notice    *notice
	request   meshhook.AlertRequest
	fallbacks []string
	// templated tells that the body is the owner's payload.
	templated bool
}

// body renders the payload, or else makes the preset's body.
func (m *making) body() error {
	if m.program.payload != nil {
		value, err := m.program.payload.Render(m.ctx, m.subject.Context())
		if err == nil {
			err = m.write(value)
		}
		if m.templated = err == nil; m.templated {
			return nil
		}
		m.fallback("payload", err, "the preset's own message was sent instead")
	}
	target, addressed, err := m.program.preset.address(m.request.URL, m.addressees())
	if err != nil {
		return err
	}
	m.request.URL = target
	value, err := m.program.preset.body(m.subject, m.notice, addressed)
	if err != nil {
		return err
	}
	return m.write(value)
}

// addressees renders those members of a payload by which its receiver is addressed.
func (m *making) addressees() map[string]any {
	members := map[string]any{}
	for name, member := range m.program.members {
		if value, err := member.Render(m.ctx, m.subject.Context()); err == nil {
			members[name] = value
		}
	}
	return members
}

// write makes value the body: a string as it is, anything else as JSON.
func (m *making) write(value any) error {
	contentType, body := "text/plain; charset=utf-8", []byte(nil)
	if text, ok := value.(string); ok {
		body = []byte(text)
	} else {
		text, err := encode(value)
		if err != nil {
			return meshhook.Errorf(meshhook.CodeInternal, "the message cannot be written as JSON: %w", err)
		}
		contentType, body = "application/json", text
	}
	if len(body) > MaxBody {
		return meshhook.Errorf(meshhook.CodeInvalid, "the message is longer than %d bytes", MaxBody)
	}
	m.request.Body = body
	m.request.Headers["Content-Type"] = contentType
	return nil
}

// headers adds the preset's headers, and then the owner's, which win.
func (m *making) headers() {
	if preset := m.program.preset.headers; preset != nil {
		for name, value := range preset(m.notice) {
			m.request.Headers[name] = value
		}
	}
	for _, h := range m.program.headers {
		// A Content-Type of the owner's belongs to the owner's payload.
		if h.name == "Content-Type" && m.program.payload != nil && !m.templated {
			continue
		}
		value, err := h.value.Render(m.ctx, m.subject.seen(h.value.References()))
		if err != nil {
			m.fallback("the header "+h.name, err, "it was left out")
			continue
		}
		m.request.Headers[h.name] = value
	}
}

func (m *making) fallback(part string, err error, instead string) {
	m.fallbacks = append(m.fallbacks, m.subject.hide(part, err).Error()+"; "+instead)
}
