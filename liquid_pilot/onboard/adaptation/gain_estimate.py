"""The estimate of the temporal filter's gain: that of a Kalman filter, in closed form, every frame.

Nothing is learned and nothing is compared with training. A pixel of a block is taken for a random
walk x that the camera sees with noise, in frames z:

    x_t = x_(t-1) + m_t,    z_t = x_t + n_t

Here m is the motion that the compensation of the rotation leaves, and n is noise of variance R that
is white in time and from pixel to pixel. The potential p of the filter (`temporal_filter`) predicts
z. The error of that prediction, the innovation e = z - p, has the variance

    C = M + (1 + s) R

where M is what has moved since p was averaged, and s R is the noise in p. All of it is measured in
the frame itself, over the pixels of the block:

- C is the mean of e^2.
- R = mean(h^2) / (36 (1 + s)), where h, the curvature of e, is the second difference along columns
  of the second difference along rows (Immerkaer 1996). It is large for noise and small for what a
  lens has drawn, and e has lost what did not move. The sum of the squared weights in h is 36.
- s follows from the gains so far: s <- (1 - a)^2 s + a^2, from 1 after the first frame.

The gain of a Kalman filter is P / (P + R), with the variance P of the error of p as an estimate of
x; innovations give P without a model of the motion (Mehra 1972). Noise counts with a weight w:

    a = P / (P + w R),    P = M + s w R

P depends on the gains before, and it is smallest for the best gain, so that a wrong gain is off by
the square of its error only one frame later: the best one is found within a few frames. Motion that
begins, noise that begins, and a frame after a gap act on the gain in their own frame.

What is finer than three pixels and moves counts as noise: in the forest, about 4 grey levels of
255. A frame that the novelty gate rejects leaves no trace here either.
"""

NOISE_WEIGHT = 0.25
"""Weight w of noise against motion: noise counts as it is in the mean of 2 x 2 pixels. The
convolutions of an encoder average at least so many, whereas they see what is smeared as it is."""
NEGLIGIBLE_NOISE = 1.0 / 255.0
"""Standard deviation of noise that is worth no delay, that of a grey level. Its variance is added
to P, so that a picture that stands still, without noise, is followed at once when it moves."""
