package diagnosis

import "math"

// sigma turns a median absolute deviation into the standard deviation of a normal
// distribution with the same one.
const sigma = 1.4826

// median of x, which it reorders; NaN when empty.
func median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return math.NaN()
	}
	upper := selectNth(x, n/2)
	if n%2 == 1 {
		return upper
	}
	lower := x[0]
	for _, v := range x[1 : n/2] {
		lower = max(lower, v)
	}
	return (lower + upper) / 2
}

// spread is the scaled median absolute deviation of x around center. It overwrites x.
func spread(x []float64, center float64) float64 {
	for i := range x {
		x[i] = math.Abs(x[i] - center)
	}
	return sigma * median(x)
}

// selectNth moves the k-th smallest of x to its place, smaller ones before it, and
// returns it.
func selectNth(x []float64, k int) float64 {
	lo, hi := 0, len(x)-1
	for hi-lo > 12 {
		pivot := middle(x[lo], x[lo+(hi-lo)/2], x[hi])
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	for i := lo + 1; i <= hi; i++ {
		v := x[i]
		j := i - 1
		for ; j >= lo && x[j] > v; j-- {
			x[j+1] = x[j]
		}
		x[j+1] = v
	}
	return x[k]
}

func middle(a, b, c float64) float64 {
	return max(min(a, b), min(max(a, b), c))
}
