package config

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// decode turns the text of a value into the type of its field. It is a decode
// hook: viper calls it with the value's type, the field's type and the value.
func decode(_, to reflect.Type, raw any) (any, error) {
	switch raw := raw.(type) {
	case string:
		return decodeText(to, strings.TrimSpace(raw))
	case []string:
		return decodeList(to, raw)
	default: // a value that was decoded already, on its way into a list
		return raw, nil
	}
}

func decodeText(to reflect.Type, text string) (any, error) {
	switch to {
	case reflect.TypeFor[meshhook.Secret]():
		return meshhook.NewSecret(text), nil
	case reflect.TypeFor[time.Duration]():
		var d meshhook.Duration
		err := d.UnmarshalText([]byte(text))
		return d.Std(), err
	case reflect.TypeFor[ByteSize]():
		return ParseByteSize(text)
	case reflect.TypeFor[Rate]():
		return ParseRate(text)
	case reflect.TypeFor[int]():
		return decodeCount(text)
	case reflect.TypeFor[bool]():
		return decodeSwitch(text)
	case reflect.TypeFor[[]netip.Prefix](), reflect.TypeFor[[]string]():
		return decodeList(to, strings.FieldsFunc(text, isSeparator))
	default:
		return text, nil
	}
}

// decodeSwitch reads true or false, as YAML and flags write them.
func decodeSwitch(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, meshhook.Errorf(meshhook.CodeInvalid, "%q is neither true nor false", text)
}

// isSeparator tells what stands between the items of a list in the environment.
func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }

// decodeList makes a list of words or of networks.
func decodeList(to reflect.Type, items []string) (any, error) {
	switch to {
	case reflect.TypeFor[[]netip.Prefix]():
	case reflect.TypeFor[[]string]():
		return items, nil
	default:
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "it takes one value, not a list")
	}
	networks := make([]netip.Prefix, 0, len(items))
	for _, item := range items {
		network, err := parseNetwork(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// parseNetwork reads a network in CIDR notation (RFC 4632) or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		if network != network.Masked() {
			return netip.Prefix{}, meshhook.Errorf(meshhook.CodeInvalid,
				"%q is an address inside the network %s; write the one or the other", text, network.Masked())
		}
		return network, nil
	}
	network, err := meshhook.ParseNetwork(text)
	if err != nil {
		return network, meshhook.Errorf(meshhook.CodeInvalid,
			"%q is neither an address nor a network; write it like 10.0.0.0/8, 192.168.1.7 or fd00::/8", text)
	}
	return network, nil
}

func decodeCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, meshhook.Errorf(meshhook.CodeInvalid, "%q is not a whole number", text)
	}
	return n, nil
}
