/// What a verified token says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {}
