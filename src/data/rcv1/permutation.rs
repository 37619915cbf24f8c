//! `NumPy`'s legacy `np.random.seed(s); np.random.permutation(n)`: the order that published data loaders put
//! their rows in.

/// The Mersenne twister MT19937 (Matsumoto and Nishimura 1998).
struct Twister {
    state: [u32; Self::SIZE],
    next: usize,
}

impl Twister {
    const SIZE: usize = 624;
    const MIDDLE: usize = 397;

    fn new(seed: u32) -> Self {
        let mut state = [seed; Self::SIZE];
        for index in 1..Self::SIZE {
            let last = state[index - 1];
            let mixed = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30));
            state[index] = mixed.wrapping_add(index as u32);
        }
        Self {
            state,
            next: Self::SIZE,
        }
    }

    fn twist(&mut self) {
        for index in 0..Self::SIZE {
            let upper = self.state[index] & 0x8000_0000;
            let y = upper | (self.state[(index + 1) % Self::SIZE] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + Self::MIDDLE) % Self::SIZE] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn draw(&mut self) -> u32 {
        if self.next == Self::SIZE {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number from 0 to `most`: bits are drawn until they make one.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.draw() & mask;
            if value <= most {
                return value;
            }
        }
    }
}

/// The numbers 0 to `count - 1` in their order.
pub(super) fn permutation(seed: u32, count: usize) -> Vec<usize> {
    let mut twister = Twister::new(seed);
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, twister.up_to(last as u32) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_numpy_s() {
        // import numpy as np
        // np.random.seed(1234); print(np.random.permutation(12))
        // np.random.seed(1234); print(np.random.permutation(10000)[[0, 1, 2, 9999]])
        assert_eq!(
            permutation(1234, 12),
            [7, 8, 11, 2, 9, 10, 1, 0, 4, 5, 6, 3]
        );
        let long = permutation(1234, 10_000);
        assert_eq!(
            [long[0], long[1], long[2], long[9999]],
            [2374, 1784, 6301, 8915]
        );
        assert_eq!(permutation(0, 1), [0]);
        assert!(permutation(0, 0).is_empty());
    }
}
