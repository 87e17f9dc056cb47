package signature_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// X's challenge is answered to anybody, with the hash and key that sign bodies.
func TestAttack_NoBodyIsSignedThroughTheChallenge(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "twitter"})
	key := keys("consumer secret")
	ask := func(question string) (string, *signature.Failure) {
		reply, failure := v.Handshake(signature.Request{
			Method: http.MethodGet, URL: "https://example.org/hooks/x?crc_token=" + url.QueryEscape(question), Now: now(),
		}, key, false)
		if failure != nil {
			return "", failure
		}
		var answer map[string]string
		require.NoError(t, json.Unmarshal(reply.Body, &answer))
		return answer["response_token"], nil
	}
	forge := func(body, signed string) *signature.Failure {
		_, failure := v.Verify(t.Context(), signature.Request{
			Method: http.MethodPost, Header: http.Header{"X-Twitter-Webhooks-Signature": {signed}}, Body: []byte(body), Now: now(),
		}, key)
		return failure
	}
	for _, forged := range []string{
		`{"tweet_create_events":[]}`, `[]`, `"text"`, `{}`, "a b", "a&b=c", "ä", "\x00", "", strings.Repeat("1", 129),
	} {
		_, failure := ask(forged)
		require.NotNil(t, failure, forged)
		require.Equal(t, signature.ReasonBadHandshake, failure.Reason)
	}
	for _, forged := range []string{"1", "-1.5e3", "true", "null", "text", "a=b", "MWZjNDZlZmMtNWI2Yy00ZTQ2", strings.Repeat("1", 128)} {
		signed, failure := ask(forged)
		require.Nil(t, failure, forged)
		require.NotNil(t, forge(forged, signed), "what may have been asked is no body: %s", forged)
	}
	r := signature.Request{Body: []byte(`{"id":1}`)}
	header, err := v.Sign(r, key[0], "")
	require.NoError(t, err)
	require.Nil(t, forge(`{"id":1}`, header.Get("X-Twitter-Webhooks-Signature")))
}

// certified is a key with a certificate, as a provider publishes it.
type certified struct {
	key         *rsa.PrivateKey
	certificate string
}

// provider is made once, since RSA keys take long.
var provider = sync.OnceValue(func() certified { return certify(2048, nil) })

// certify makes a self-signed certificate that is valid around now.
func certify(bits int, change func(*x509.Certificate)) certified {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "provider"},
		NotBefore: now().Add(-time.Hour), NotAfter: now().Add(time.Hour),
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return certified{key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

func (c certified) sign(t testing.TB, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signed, err := rsa.SignPKCS1v15(nil, c.key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(signed)
}

// serving is a keyring of these documents.
func serving(documents map[string]string) *signature.Keyring {
	return signature.NewKeyring(func(_ context.Context, address string, _ []byte) ([]byte, error) {
		if text, ok := documents[address]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("not found: " + address)
	})
}

const snsCertificate = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123.pem"

// snsMessage is a notification of a topic, signed as SNS does.
func snsMessage(t testing.TB, topic, message string) map[string]string {
	t.Helper()
	m := map[string]string{
		"Type": "Notification", "MessageId": "msg-1", "TopicArn": topic, "Message": message,
		"Timestamp": now().UTC().Format(time.RFC3339), "SignatureVersion": "2", "SigningCertURL": snsCertificate,
	}
	var lines strings.Builder
	for _, name := range []string{"Message", "MessageId", "Timestamp", "TopicArn", "Type"} {
		lines.WriteString(name + "\n" + m[name] + "\n")
	}
	m["Signature"] = provider().sign(t, lines.String())
	return m
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// SNS signs lines of names and values for anybody's topic. Whoever writes a whole
// set of such lines into a message of their own topic could pass it off as a message
// of another, with the true end of the lines inside its last field.
func TestAttack_LinesOfAnotherTopic(t *testing.T) {
	t.Parallel()
	const victim, attacker = "arn:aws:sns:eu-central-1:111111111111:orders", "arn:aws:sns:eu-central-1:666666666666:mine"
	v := newVerifier(t, meshhook.Verification{Scheme: "sns"}).WithKeyring(serving(map[string]string{snsCertificate: provider().certificate}))
	verify := func(message map[string]string) *signature.Failure {
		_, failure := v.Verify(t.Context(), signature.Request{Method: http.MethodPost, Header: http.Header{}, Body: asJSON(t, message), Now: now()}, keys(victim))
		return failure
	}
	require.Nil(t, verify(snsMessage(t, victim, "two\nlines")))
	require.Equal(t, signature.ReasonMismatch, verify(snsMessage(t, attacker, "pay")).Reason)

	time := now().UTC().Format(time.RFC3339)
	genuine := snsMessage(t, attacker, strings.Join([]string{"pay", "MessageId", "msg-2", "Timestamp", time, "TopicArn", victim, "Type", "Notification"}, "\n"))
	forged := map[string]string{
		"Message": "pay", "MessageId": "msg-2", "Timestamp": time, "TopicArn": victim,
		"Type":      strings.Join([]string{"Notification", "MessageId", "msg-1", "Timestamp", time, "TopicArn", attacker, "Type", "Notification"}, "\n"),
		"Signature": genuine["Signature"], "SignatureVersion": "2", "SigningCertURL": snsCertificate,
	}
	failure := verify(forged)
	require.NotNil(t, failure, "a message of somebody else's topic passes for ours")
	require.Equal(t, "the body's Type holds a line break, so that it is not clear what was signed", failure.Message)

	// Nor may a message take in its own id, by which a repetition is known.
	own := snsMessage(t, victim, "pay")
	own["Message"] += "\nMessageId\n" + own["MessageId"]
	delete(own, "MessageId")
	require.Equal(t, "the body has no MessageId, which is signed", verify(own).Message)
}
