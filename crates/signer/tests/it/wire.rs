//! Protocol Buffers as bytes: fields in any order, any number of times, spelled in any way
//! (<https://protobuf.dev/programming-guides/encoding/>).

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A number of any kind. Negative ones are those above the half.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(Vec<u8>),
}

/// A message: its fields by their numbers, as they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(u64, Value)>);

impl Fields {
    pub(crate) fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = read_number(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Number(read_number(&mut bytes)),
                2 => {
                    let length = usize::try_from(read_number(&mut bytes)).unwrap();
                    Value::Bytes(bytes.split_off(..length).unwrap().to_vec())
                }
                other => panic!("fields of type {other} are not used"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(number, value)| field(*number, value)).collect()
    }

    /// Sets a field, or adds it in its place.
    pub(crate) fn set(&mut self, number: u64, value: Value) {
        self.remove(number);
        let at = self.0.iter().position(|(other, _)| *other > number);
        self.0.insert(at.unwrap_or(self.0.len()), (number, value));
    }

    pub(crate) fn remove(&mut self, number: u64) {
        self.0.retain(|(other, _)| *other != number);
    }

    /// The bytes of a field.
    pub(crate) fn get(&self, number: u64) -> &[u8] {
        match self.0.iter().find(|(other, _)| *other == number) {
            Some((_, Value::Bytes(bytes))) => bytes,
            Some((_, Value::Number(_))) | None => panic!("field {number} has no bytes"),
        }
    }

    /// The number in a field; zero if there is none.
    pub(crate) fn number(&self, number: u64) -> u64 {
        match self.0.iter().find(|(other, _)| *other == number) {
            Some((_, Value::Number(found))) => *found,
            Some((_, Value::Bytes(_))) => panic!("field {number} is no number"),
            None => 0,
        }
    }
}

/// Changes the message within `message` to which the field numbers in `path` lead.
pub(crate) fn change(message: &[u8], path: &[u64], with: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let [number, rest @ ..] = path else { return with(message) };
    let mut fields = Fields::read(message);
    let changed = change(fields.get(*number), rest, with);
    fields.set(*number, Value::Bytes(changed));
    fields.bytes()
}

/// A field in canonical spelling.
pub(crate) fn field(number: u64, value: &Value) -> Vec<u8> {
    match value {
        Value::Number(it) => [varint(number << 3), varint(*it)].concat(),
        Value::Bytes(it) => [varint(number << 3 | 2), varint(it.len() as u64), it.clone()].concat(),
    }
}

/// A number in as few bytes as possible.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// The same number in one byte more.
pub(crate) fn overlong(number: u64) -> Vec<u8> {
    let mut bytes = varint(number);
    *bytes.last_mut().unwrap() |= 0x80;
    bytes.push(0);
    bytes
}

fn read_number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first().unwrap();
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number of more than ten bytes");
}
