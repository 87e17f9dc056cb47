package config

// Public returns c without its origins, to compare values alone.
func (c Config) Public() Config {
	c.file, c.origins, c.warnings = "", nil, nil
	return c
}

// Mask returns a DSN as Show prints it.
func Mask(dsn string) string { return maskValue("database_url", dsn) }

// FieldNames returns the keys that the tags of Config name.
func FieldNames() []string {
	var names []string
	for name := range fields(new(Config)) {
		names = append(names, name)
	}
	return names
}

// Parse reads a configuration file's text and returns how many keys it sets.
func Parse(text []byte) (int, error) {
	values, err := parse("meshhook.yaml", text)
	return len(values), err
}
