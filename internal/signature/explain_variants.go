package signature

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf16"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// bySecret tries the ways in which a secret is copied or read wrongly.
func (v *Verifier) bySecret(r Request, keys []Key) []trial {
	if v.scheme.Engine == EngineJWT || v.scheme.SecretFormat == SecretPublicKey || v.scheme.SecretFormat == SecretIdentifier {
		return nil
	}
	const again = "copy the secret once more and set it with 'meshhook webhook rotate-secret PATH'"
	var trials []trial
	add := func(key Key, text string, format SecretFormat, how, remedy string) {
		s := patient(v.scheme)
		s.Alternative, s.SecretFormat = nil, format
		trials = append(trials, trial{
			suspect(MistakeSecret, remedy, "the sender's secret is %s", how), s, r, []Key{{ID: key.ID, Value: meshhook.NewSecret(text)}},
		})
	}
	for _, key := range keys {
		text := key.Value.Reveal()
		for _, format := range []SecretFormat{SecretRaw, SecretBase64, SecretHex, SecretWhsec} {
			if format != v.scheme.SecretFormat && v.scheme.Engine == EngineHMAC {
				add(key, text, format, "this one read as "+string(format), "set --verify-secret-encoding "+string(format)+" where the scheme takes it, or give the secret in the form that the scheme reads")
			}
		}
		for _, variant := range secretVariants(text) {
			remedy := again
			if strings.TrimSpace(variant.text) == text {
				remedy = "enter the secret at the sender once more, without what stands behind it; this webhook's is right"
			}
			add(key, variant.text, v.spelled(), variant.how, remedy)
		}
	}
	return trials
}

// spelled is the format in which another spelling of the secret is tried.
func (v *Verifier) spelled() SecretFormat {
	if v.scheme.SecretFormat == SecretWhsec || v.scheme.SecretFormat == SecretBase64 || v.scheme.SecretFormat == SecretHex {
		return v.scheme.SecretFormat
	}
	return SecretRaw
}

// variant is another spelling of a secret, and how it differs.
type variant struct{ text, how string }

// secretVariants are what a secret becomes when it is copied with too much or too
// little, or written as another field wants it.
func secretVariants(text string) []variant {
	all := []variant{
		{strings.TrimSpace(text), "this one without the spaces around it"},
		{text + "\n", "this one with a line break at its end"},
		{text + " ", "this one with a space at its end"},
		{strings.Trim(text, `"'`), "this one without the quotes"},
		{"Bearer " + text, "this one with \"Bearer \" before it"},
		{strings.TrimPrefix(text, "Bearer "), "this one without \"Bearer \""},
		{base64.StdEncoding.EncodeToString([]byte(text)), "this one in base64"},
		{hex.EncodeToString([]byte(text)), "this one in hexadecimal"},
		{strings.ToLower(text), "this one in lower case"},
		{strings.ToUpper(text), "this one in upper case"},
	}
	for _, prefix := range []string{"whsec_", "sha256=", "v1,", "secret_", "key-"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			all = append(all, variant{rest, "this one without " + prefix})
		} else {
			all = append(all, variant{prefix + text, "this one with " + prefix + " before it"})
		}
	}
	if plain, err := url.QueryUnescape(text); err == nil {
		all = append(all, variant{plain, "this one with its % escapes undone"})
	}
	_, password, _ := strings.Cut(text, ":")
	all = append(all, variant{password, "what stands behind this one's colon"})
	kept := all[:0]
	for _, v := range all {
		if v.text != text && v.text != "" {
			kept = append(kept, v)
		}
	}
	return kept
}

// byEncoding tries other hashes, encodings and prefixes of the signature.
func (v *Verifier) byEncoding(r Request, keys []Key) []trial {
	if v.scheme.Engine != EngineHMAC {
		return nil
	}
	var trials []trial
	for _, algorithm := range []string{"sha256", "sha1", "sha512", "sha384"} {
		for _, encoding := range []string{"hex", "base64", "base64url"} {
			for _, prefix := range []string{v.scheme.Prefix, "", "sha256=", "sha1=", "sha512=", "v0=", "v1=", "v1,", "hmac ", "HMAC "} {
				s := patient(v.scheme)
				if algorithm == s.Algorithm && encoding == s.Encoding && prefix == s.Prefix || s.List.Signature != "" && prefix != s.Prefix {
					continue
				}
				s.Algorithm, s.Encoding, s.Prefix, s.OptionalPrefix = algorithm, encoding, prefix, ""
				how := "--verify-algorithm " + algorithm + " --verify-encoding " + encoding
				if prefix != "" {
					how += " --verify-prefix '" + prefix + "'"
				}
				trials = append(trials, trial{
					suspect(MistakeEncoding, "meshhook webhook update PATH "+how, "the signature is HMAC-%s in %s", strings.ToUpper(algorithm), encoding), s, r, keys,
				})
			}
		}
	}
	return trials
}

// byTemplate tries the strings that senders usually sign.
func (v *Verifier) byTemplate(r Request, keys []Key) []trial {
	if v.scheme.Engine != EngineHMAC || v.scheme.Field != "" {
		return nil
	}
	var trials []trial
	for _, text := range []string{
		"{body}", "{timestamp}.{body}", "{timestamp}:{body}", "{timestamp}{body}", "{body}{timestamp}", "v0:{timestamp}:{body}",
		"{id}.{timestamp}.{body}", "{id}{timestamp}{body}", "{url}{body}", "{body}{url}", "{method}{url}{body}{timestamp}", "{method}{url}{body}",
	} {
		s := patient(v.scheme)
		timed, named := strings.Contains(text, "{timestamp}"), strings.Contains(text, "{id}")
		if text == s.Template || timed && s.Timestamp == (Timestamp{}) || named && s.IDHeader == "" {
			continue
		}
		s.Template = text
		if !timed {
			s.Timestamp, s.Tolerance = Timestamp{Field: s.Timestamp.Field}, 0
			if s.Timestamp.Field != "" {
				continue
			}
		}
		if !named {
			s.IDHeader = ""
		}
		trials = append(trials, trial{
			suspect(MistakeTemplate, "meshhook webhook update PATH --verify-template '"+text+"'", "what is signed is %s", text), s, r, keys,
		})
	}
	return trials
}

// otherURLs are other spellings of the request's URL.
func otherURLs(r Request) []string {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil
	}
	own := u.EscapedPath() // without what public_url may have before it
	if at := strings.Index(own, "/hooks/"); at > 0 {
		own = own[at:]
	}
	hosts := []string{u.Host, r.Host, r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Original-Host")}
	seen := map[string]bool{r.URL: true, "": true}
	var all []string
	for _, host := range hosts {
		for _, scheme := range []string{"https", "http"} {
			for _, path := range []string{u.EscapedPath(), u.EscapedPath() + "/", own, strings.TrimPrefix(u.EscapedPath(), "/hooks")} {
				for _, query := range []string{u.RawQuery, ""} {
					other := scheme + "://" + host + path
					if query != "" {
						other += "?" + query
					}
					for _, address := range portVariants(other) {
						if host != "" && !seen[address] {
							seen[address] = true
							all = append(all, address)
						}
					}
				}
			}
		}
	}
	return all
}

// otherBody is a body as it may have been before something changed it.
type otherBody struct {
	body []byte
	how  string
}

// otherBodies are what a body may have been.
func otherBodies(body []byte) []otherBody {
	all := []otherBody{
		{bytes.TrimRight(body, "\r\n"), "without the line break at the end"},
		{append(bytes.Clone(body), '\n'), "with a line break at the end"},
		{bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), "with LF for CR LF"},
		{bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")), "with CR LF for LF"},
		{nil, "none at all"},
	}
	var compact, two, four bytes.Buffer
	if json.Compact(&compact, body) == nil {
		_ = json.Indent(&two, body, "", "  ") // it has just been read
		_ = json.Indent(&four, body, "", "    ")
		all = append(all, otherBody{compact.Bytes(), "JSON without spaces"}, otherBody{two.Bytes(), "JSON indented by two"}, otherBody{four.Bytes(), "JSON indented by four"},
			otherBody{spaced(compact.Bytes()), "JSON with a space behind each comma and colon, as Python writes it"},
			otherBody{escaped(compact.Bytes()), "JSON with everything that is not ASCII escaped"},
			otherBody{escaped(spaced(compact.Bytes())), "JSON as Python writes it, with everything that is not ASCII escaped"},
			otherBody{bytes.ReplaceAll(compact.Bytes(), []byte("/"), []byte(`\/`)), "JSON with its slashes escaped, as PHP writes it"})
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&value) == nil {
		if sorted, err := json.Marshal(value); err == nil {
			all = append(all, otherBody{sorted, "JSON with its keys in another order"})
		}
	}
	kept := all[:0]
	for _, b := range all {
		if !bytes.Equal(b.body, body) {
			kept = append(kept, b)
		}
	}
	return kept
}

// spaced puts a space behind the commas and colons of compact JSON.
func spaced(text []byte) []byte {
	var out bytes.Buffer
	inText := false
	for i, c := range text {
		if c == '"' && !escapedAt(text, i) {
			inText = !inText
		}
		out.WriteByte(c)
		if !inText && (c == ',' || c == ':') {
			out.WriteByte(' ')
		}
	}
	return out.Bytes()
}

// escapedAt tells whether an odd number of backslashes stands before i.
func escapedAt(text []byte, i int) bool {
	n := 0
	for i--; i >= 0 && text[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// escaped writes what is not ASCII as \uXXXX.
func escaped(text []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(text) {
		if r < 0x80 {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			out.WriteString(`\u` + hex.EncodeToString([]byte{byte(unit >> 8), byte(unit)}))
		}
	}
	return out.Bytes()
}
