package block

import "wellkeeper.internal/storage/block/column"

// Predictors: what the next value is expected to be. Noise around a level is
// predicted best by a mean of the last values, a ramp by its slope, a counter by its
// last value. All arithmetic wraps around, so that the residuals of any sequence
// have an inverse.
const (
	predictLevel = iota // one level for the whole series
	predictLast         // the value before
	predictSlope        // the value before plus its step
	predictMean1        // exponential mean with weight 1/2, 1/4, 1/8, 1/16 of the newest
	predictMean2
	predictMean3
	predictMean4
	predictors
)

// residuals writes to dst the zigzagged differences between the values and their
// prediction.
func residuals(dst []uint64, values []int64, predictor int, start int64) {
	switch predictor {
	case predictLevel:
		for i, v := range values {
			dst[i] = column.Zigzag(v - start)
		}
	case predictLast:
		last := start
		for i, v := range values {
			dst[i] = column.Zigzag(v - last)
			last = v
		}
	case predictSlope:
		last, step := start, int64(0)
		for i, v := range values {
			dst[i] = column.Zigzag(v - last - step)
			last, step = v, v-last
		}
	default:
		k := uint(predictor - predictMean1 + 1)
		mean := start << k // the mean with k fractional bits
		for i, v := range values {
			predicted := mean >> k
			dst[i] = column.Zigzag(v - predicted)
			mean += v - predicted
		}
	}
}

// restore is the inverse of residuals; dst and the residuals have the same length.
func restore(dst []int64, residuals []uint64, predictor int, start int64) {
	switch predictor {
	case predictLevel:
		for i, u := range residuals {
			dst[i] = start + column.Unzigzag(u)
		}
	case predictLast:
		last := start
		for i, u := range residuals {
			last += column.Unzigzag(u)
			dst[i] = last
		}
	case predictSlope:
		last, step := start, int64(0)
		for i, u := range residuals {
			v := last + step + column.Unzigzag(u)
			last, step = v, v-last
			dst[i] = v
		}
	default:
		k := uint(predictor - predictMean1 + 1)
		mean := start << k
		for i, u := range residuals {
			predicted := mean >> k
			v := predicted + column.Unzigzag(u)
			mean += v - predicted
			dst[i] = v
		}
	}
}
