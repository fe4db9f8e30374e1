//! What a payload of sound was made of, so that it can be made again the very same.

/// Most earlier packets that a payload is made with: two make less than a hundredth of a loss of a fifth.
pub const REDUNDANT_BLOCKS: usize = 2;

/// Where the encoding of an earlier packet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It is left out.
    #[default]
    Absent,
    /// In that packet, which came and is kept.
    Kept,
    /// In the redundancy of the packet at hand: that one never came.
    Carried,
}

/// Of what the payload of a packet of sound was made beside its own encoding. Without anything it is that encoding alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedRecipe {
    /// The packets before it, the latest first.
    pub before: [Origin; REDUNDANT_BLOCKS],
}

impl RedRecipe {
    /// Reports whether it has an earlier packet.
    pub fn has_redundancy(self) -> bool {
        self.before.iter().any(|origin| *origin != Origin::Absent)
    }

    /// Writes it as one byte.
    pub(crate) fn to_byte(self) -> u8 {
        let bits = self.before.map(|origin| match origin {
            Origin::Absent => 0,
            Origin::Kept => 1,
            Origin::Carried => 2,
        });
        bits.iter().fold(0, |byte, bits| byte << 2 | bits)
    }

    /// Reads what [`RedRecipe::to_byte`] wrote.
    pub(crate) fn from_byte(byte: u8) -> Self {
        let origin = |bits: u8| match bits & 3 {
            1 => Origin::Kept,
            2 => Origin::Carried,
            _ => Origin::Absent,
        };
        Self {
            before: [origin(byte >> 2), origin(byte)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_reads_back() {
        let origins = [Origin::Absent, Origin::Kept, Origin::Carried];
        for first in origins {
            for second in origins {
                let recipe = RedRecipe {
                    before: [first, second],
                };
                assert_eq!(RedRecipe::from_byte(recipe.to_byte()), recipe);
            }
        }
        assert!(!RedRecipe::default().has_redundancy());
    }
}
