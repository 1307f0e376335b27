package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"time"

	"hb/commands/doctor/judge"
)

// toolLimit is how long a firewall's tool may take.
const toolLimit = 3 * time.Second

// findFirewall says which firewall's words help here: of the one that manages the
// others, if several are there.
func findFirewall(ctx context.Context) judge.Firewall {
	if out, err := tool(ctx, "firewall-cmd", "--state"); err == nil && bytes.HasPrefix(out, []byte("running")) {
		return judge.Firewall{Kind: "firewalld"}
	}
	if conf, err := os.ReadFile("/etc/ufw/ufw.conf"); err == nil && bytes.Contains(conf, []byte("ENABLED=yes")) {
		return judge.Firewall{Kind: "ufw"}
	}
	if out, err := tool(ctx, "nft", "-j", "list", "ruleset"); err == nil {
		if chains := droppingChains(out); len(chains) > 0 {
			return judge.Firewall{Kind: "nft", Chains: chains}
		}
	}
	if out, err := tool(ctx, "iptables", "-S", "INPUT"); err == nil && bytes.Contains(out, []byte("-j DROP")) || bytes.Contains(out, []byte("-j REJECT")) || bytes.Contains(out, []byte("-P INPUT DROP")) {
		return judge.Firewall{Kind: "iptables"}
	}
	return judge.Firewall{}
}

// tool runs one of the system's programs; most of them want root.
func tool(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, toolLimit)
	defer cancel()
	return exec.CommandContext(ctx, name, args...).Output()
}

// ruleset is what `nft -j list ruleset` prints, as far as it matters here.
type ruleset struct {
	Nftables []struct {
		Chain *struct{ Family, Table, Name, Hook, Policy string }
		Rule  *struct {
			Family, Table, Chain string
			Expr                 []map[string]json.RawMessage
		}
	}
}

// droppingChains finds the chains that see what comes in and may drop it.
func droppingChains(listing []byte) (chains []string) {
	var r ruleset
	if json.Unmarshal(listing, &r) != nil {
		return nil
	}
	drops := map[string]bool{}
	for _, item := range r.Nftables {
		if rule := item.Rule; rule != nil {
			for _, e := range rule.Expr {
				_, drop := e["drop"]
				_, reject := e["reject"]
				if drop || reject {
					drops[rule.Family+" "+rule.Table+" "+rule.Chain] = true
				}
			}
		}
	}
	for _, item := range r.Nftables {
		if c := item.Chain; c != nil && c.Hook == "input" {
			if name := c.Family + " " + c.Table + " " + c.Name; c.Policy == "drop" || drops[name] {
				chains = append(chains, name)
			}
		}
	}
	return chains
}
