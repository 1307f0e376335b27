package dispatch

// heaped is a binary heap: first is the least.
type heaped[T any] struct {
	less  func(a, b T) bool
	items []T
}

func (h *heaped[T]) len() int { return len(h.items) }
func (h *heaped[T]) first() T { return h.items[0] }

func (h *heaped[T]) push(x T) {
	h.items = append(h.items, x)
	for i := len(h.items) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(h.items[i], h.items[up]) {
			return
		}
		h.items[i], h.items[up] = h.items[up], h.items[i]
		i = up
	}
}

// pop takes the first out.
func (h *heaped[T]) pop() T {
	first := h.items[0]
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	var zero T
	h.items[last] = zero
	h.items = h.items[:last]
	h.sink()
	return first
}

// sink restores the order after the first has grown.
func (h *heaped[T]) sink() {
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < len(h.items) && h.less(h.items[down], h.items[least]) {
				least = down
			}
		}
		if least == i {
			return
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}
