// Package signature verifies that a webhook request comes from who holds the
// secret, and makes the same signatures for test requests.
//
// Schemes are data. A [Scheme] says where the signature stands, how it is
// written and over what it was made; a handful of engines (signatures by secret
// or public keys, tokens, credentials, none) read it. A provider is a row in
// schemes_*.go, and a user describes one that is not there with the fields of
// meshhook.Verification.
//
// What holds for every scheme:
//
//   - The raw bytes of the body are checked, before anything parses them, and
//     compared in constant time. Where the signature stands inside the body, what
//     is read of it can be read in one way only.
//   - It fails closed: an unknown scheme, a missing or repeated header, an empty
//     secret or an unreadable timestamp is a refusal. To accept everything, the
//     scheme none has to be written out.
//   - A timestamp is checked in both directions, and only where it is signed.
//   - Several secrets may be active and several signatures may come; any pair
//     that matches passes, and the caller learns which secret it was.
//   - What a stranger sends is capped: maxHeader bytes a header, maxSignatures
//     signatures in it, maxDocument bytes and maxValues values of a body that is
//     read, and maxFetches documents a minute that are fetched at their word.
//   - Nothing that a stranger chose is signed by an endpoint's key, unless no body
//     can have its form.
//   - A refusal ([Failure]) explains itself, and holds neither a secret nor what
//     came in the header nor the signature that would have been right.
package signature
