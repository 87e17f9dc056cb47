package manifest

import "slices"

// Keys are the keys of every mapping of the documents, sorted.
func Keys() map[string][]string {
	all := map[string][]string{
		"webhook": keysOf(webhookFields()), "alert": keysOf(alertFields()), "verification": keysOf(verificationFields()),
		"response": keysOf(responseFields()), "expect": keysOf(expectFields()), "quiet_hours": keysOf(quietFields()), "secret": keysOf(referenceFields()),
	}
	for _, keys := range all {
		slices.Sort(keys)
	}
	return all
}
