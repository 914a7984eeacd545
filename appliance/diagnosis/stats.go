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

// Trends are looked at in so many blocks at most: 6 hours each of a full week.
const trendBlocks = 28

// trendSure is beyond which |Z| of Mann and Kendall a trend is one: once in a thousand
// of stationary weeks, by chance.
const trendSure = 3.3

// trend is by how much x moved over its span, by the slope of Theil and Sen; 0 unless
// Mann and Kendall are sure that it moved. The newest comes first, at holds the ages.
func trend(sc *scratch, x, at []float64) float64 {
	x, at = blocks(sc, x, at)
	if len(x) < 3 || math.Abs(mannKendall(x)) < trendSure {
		return 0
	}
	return theilSenOf(sc, x, at) * (at[len(at)-1] - at[0])
}

// theilSen is the slope of x in time, robust against outliers; at holds ages.
func theilSen(sc *scratch, x, at []float64) float64 {
	x, at = blocks(sc, x, at)
	if len(x) < 2 {
		return 0
	}
	return theilSenOf(sc, x, at)
}

// blocks takes medians of neighbours, so that there are few enough for all pairs.
func blocks(sc *scratch, x, at []float64) (bx, bat []float64) {
	k := (len(x) + trendBlocks - 1) / trendBlocks
	bx, bat = sc.blockX[:0], sc.blockAt[:0]
	for i := 0; i < len(x); i += k {
		j := min(i+k, len(x))
		bx = append(bx, median(append(sc.spare[:0], x[i:j]...)))
		bat = append(bat, median(append(sc.spare[:0], at[i:j]...)))
	}
	return bx, bat
}

func theilSenOf(sc *scratch, x, at []float64) float64 {
	slopes := sc.pairs[:0]
	for i := range x {
		for k := i + 1; k < len(x); k++ {
			if at[i] != at[k] {
				slopes = append(slopes, (x[i]-x[k])/(at[k]-at[i]))
			}
		}
	}
	return median(slopes)
}

// mannKendall is the standard normal statistic of the trend of x, the newest first;
// ties are taken off its variance.
func mannKendall(x []float64) float64 {
	n := float64(len(x))
	s, ties := 0.0, 0.0
	for i := range x {
		same := 0.0
		first := true
		for k := range x {
			switch {
			case k > i && x[i] > x[k]:
				s++
			case k > i && x[i] < x[k]:
				s--
			}
			if x[k] == x[i] {
				same++
				first = first && k >= i
			}
		}
		if first {
			ties += same * (same - 1) * (2*same + 5)
		}
	}
	sd := math.Sqrt((n*(n-1)*(2*n+5) - ties) / 18)
	switch {
	case s > 0 && sd > 0:
		return (s - 1) / sd
	case s < 0 && sd > 0:
		return (s + 1) / sd
	}
	return 0
}
