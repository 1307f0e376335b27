package netutil

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"text/template"

	sockaddr "github.com/hashicorp/go-sockaddr"
)

// What an address is looked for with, best first, when nobody names one.
// Private addresses come before public ones, since members nearly always share
// a private network. Neither needs a default route, which a rack may not have.
const (
	privateAddrs = `{{ GetAllInterfaces | include "flag" "up" | include "rfc" "1918|6598" | include "type" "IPv4" | sort "size,address" | join "address" " " }}`
	publicAddrs  = `{{ GetAllInterfaces | include "flag" "up" | include "type" "IPv4" | exclude "rfc" "6890" | sort "size,address" | join "address" " " }}`
	otherAddrs   = `{{ GetAllInterfaces | include "flag" "up" | exclude "flag" "loopback" | exclude "rfc" "3927" | include "type" "IPv4" | sort "size,address" | join "address" " " }}`
	public6Addrs = `{{ GetAllInterfaces | include "flag" "up" | include "type" "IPv6" | include "flag" "global unicast" | sort "size,address" | join "address" " " }}`
)

// Interface is a network interface that was chosen.
type Interface struct {
	Name  string
	Index int
	// Addrs are its addresses with their networks.
	Addrs []netip.Prefix
	// Broadcast, Multicast and Loopback say what it is able to do and is.
	Broadcast, Multicast, Loopback bool
}

// Expand evaluates a go-sockaddr template, such as {{ GetInterfaceIP "eth0" }};
// a text without one stays as it is.
func Expand(text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	all, err := sockaddr.GetAllInterfaces()
	if err != nil {
		return "", fmt.Errorf("listing the interfaces: %w", err)
	}
	t, err := template.New("address").Funcs(vocabulary()).Parse(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", text, err)
	}
	var out strings.Builder
	if err := t.Execute(&out, all); err != nil {
		return "", fmt.Errorf("%s: %w", text, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// vocabulary is go-sockaddr's template language. Its own template package
// would bring one dependency more for these lines.
func vocabulary() template.FuncMap {
	return template.FuncMap{
		"GetAllInterfaces":     sockaddr.GetAllInterfaces,
		"GetDefaultInterfaces": sockaddr.GetDefaultInterfaces,
		"GetPrivateInterfaces": sockaddr.GetPrivateInterfaces,
		"GetPublicInterfaces":  sockaddr.GetPublicInterfaces,
		"GetPrivateIP":         sockaddr.GetPrivateIP,
		"GetPrivateIPs":        sockaddr.GetPrivateIPs,
		"GetPublicIP":          sockaddr.GetPublicIP,
		"GetPublicIPs":         sockaddr.GetPublicIPs,
		"GetInterfaceIP":       sockaddr.GetInterfaceIP,
		"GetInterfaceIPs":      sockaddr.GetInterfaceIPs,
		"include":              sockaddr.IncludeIfs,
		"exclude":              sockaddr.ExcludeIfs,
		"sort":                 sockaddr.SortIfBy,
		"unique":               sockaddr.UniqueIfAddrsBy,
		"join":                 sockaddr.JoinIfAddrs,
		"limit":                sockaddr.LimitIfAddrs,
		"offset":               sockaddr.OffsetIfAddrs,
		"math":                 sockaddr.IfAddrsMath,
		"attr":                 sockaddr.IfAttrs,
	}
}

// Interfaces gives the interfaces that are up and chosen. Each of only is an
// interface's name, one of its addresses, or a template that prints such words;
// an unknown one is an error. With none, all are chosen but loopback.
func Interfaces(only []string) ([]Interface, error) {
	all, err := systemInterfaces()
	if err != nil {
		return nil, err
	}
	if len(only) == 0 {
		return slices.DeleteFunc(all, func(i Interface) bool { return i.Loopback }), nil
	}
	var chosen []Interface
	for _, text := range only {
		words, err := Expand(text)
		if err != nil {
			return nil, err
		}
		for _, word := range strings.Fields(words) {
			at := slices.IndexFunc(all, func(i Interface) bool { return i.answersTo(word) })
			if at < 0 {
				return nil, fmt.Errorf("no interface %q is up here; there are %s", word, names(all))
			}
			if !slices.ContainsFunc(chosen, func(i Interface) bool { return i.Index == all[at].Index }) {
				chosen = append(chosen, all[at])
			}
		}
	}
	return chosen, nil
}

func systemInterfaces() ([]Interface, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces: %w", err)
	}
	var all []Interface
	for _, link := range links {
		if link.Flags&net.FlagUp == 0 {
			continue
		}
		i := Interface{
			Name: link.Name, Index: link.Index,
			Broadcast: link.Flags&net.FlagBroadcast != 0,
			Multicast: link.Flags&net.FlagMulticast != 0,
			Loopback:  link.Flags&net.FlagLoopback != 0,
		}
		addrs, err := link.Addrs()
		if err != nil {
			return nil, fmt.Errorf("listing the addresses of %s: %w", link.Name, err)
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				i.Addrs = append(i.Addrs, p)
			}
		}
		all = append(all, i)
	}
	return all, nil
}

func (i Interface) answersTo(word string) bool {
	return word == i.Name || slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr().String() == word })
}

func names(all []Interface) string {
	var out []string
	for _, i := range all {
		out = append(out, i.Name)
	}
	return strings.Join(out, ", ")
}

// Advertise chooses the address of this machine that others shall use, among
// the chosen interfaces (as in Interfaces): private IPv4, then public, then any other
// but link-local, then IPv6, unless the node hears IPv4 only; among equals the one
// that the kernel itself would send from, so that a container bridge does not win.
// Loopback is only given when it was asked for.
func Advertise(only []string, ipv4 bool) (netip.Addr, error) {
	chosen, err := Interfaces(only)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, text := range []string{privateAddrs, publicAddrs, otherAddrs, public6Addrs} {
		if ipv4 && text == public6Addrs {
			continue
		}
		words, err := Expand(text)
		if err != nil {
			return netip.Addr{}, err
		}
		if best, ok := pick(strings.Fields(words), chosen, outward()); ok {
			return best, nil
		}
	}
	for _, i := range chosen {
		if i.Loopback && len(i.Addrs) > 0 {
			return i.Addrs[0].Addr(), nil
		}
	}
	if len(chosen) == 0 {
		return netip.Addr{}, errors.New("no interface but loopback is up")
	}
	return netip.Addr{}, fmt.Errorf("no interface that is up has an address to give to others (up: %s)", names(chosen))
}

// pick takes the preferred address if it is among the words and on a chosen
// interface, else the first word that is.
func pick(words []string, chosen []Interface, preferred netip.Addr) (best netip.Addr, ok bool) {
	for _, word := range words {
		on := slices.ContainsFunc(chosen, func(i Interface) bool { return !i.Loopback && i.answersTo(word) })
		a, err := netip.ParseAddr(word)
		if !on || err != nil {
			continue
		}
		if a == preferred {
			return a, true
		}
		if !ok {
			best, ok = a, true
		}
	}
	return best, ok
}

// outward is the address the kernel would send from to the world outside.
// Connecting a UDP socket sends nothing: it only looks up the route, here to an
// address that documentation owns (RFC 5737). Invalid without a route.
func outward() netip.Addr {
	conn, err := net.Dial("udp4", "203.0.113.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
}

// broadcast is the last address of an IPv4 network; networks of one or two
// addresses have none (RFC 3021).
func broadcast(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b), true
}
