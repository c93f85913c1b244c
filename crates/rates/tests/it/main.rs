//! The sources against a web server that says what their exchanges say, and what they should not.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod server;
#[cfg(test)]
mod trouble;
