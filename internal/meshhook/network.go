package meshhook

import "net/netip"

// ParseNetwork reads a network in CIDR notation (RFC 4632), whatever bits of a host
// it has, or an address, which is a network of one. IPv4 in the clothes of IPv6 is
// IPv4, as the addresses of senders are. Anything else is a CodeInvalid error.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if address, bad := netip.ParseAddr(text); bad == nil && address.Zone() == "" {
		network, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if err != nil {
		return netip.Prefix{}, Errorf(CodeInvalid, "write a network like 192.0.2.0/24, or an address")
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}
