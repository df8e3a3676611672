"""What puts the methods in C into twisted.web's server, and the rare half of these."""
