package identify

import "chartroom/record"

// National numbers beside those that record names.
const (
	kindCHI record.Kind = "chi" // Scotland: Community Health Index
	kindNHI record.Kind = "nhi" // New Zealand: National Health Index
)

// weightedSum adds digit times weight, the weights falling from first.
func weightedSum(s string, first int) int {
	sum := 0
	for i := range len(s) {
		sum += int(s[i]-'0') * (first - i)
	}
	return sum
}

// validNHS checks ten digits: weights 10 to 2, the check digit is 11 less the
// remainder modulo 11; 11 is written 0 and 10 is never issued.
func validNHS(s string) bool {
	if len(s) != 10 || !isAllDigits(s) {
		return false
	}
	return (11-weightedSum(s[:9], 10)%11)%11 == int(s[9]-'0')
}

// validCHI checks the NHS way and that the number opens with a day of birth.
func validCHI(s string) bool {
	return validNHS(s) && (day{2000, atoi(s[2:4]), atoi(s[:2])}).valid()
}

// validNPI checks ten digits by Luhn's rule with 80840 before them.
func validNPI(s string) bool {
	return len(s) == 10 && isAllDigits(s) && (s[0] == '1' || s[0] == '2') && luhn("80840"+s)
}

func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}

// validSSN knows what was never issued; there is no check digit.
func validSSN(s string) bool {
	if len(s) != 9 || !isAllDigits(s) {
		return false
	}
	switch {
	case s[:3] == "000", s[:3] == "666", s[0] == '9', s[3:5] == "00", s[5:] == "0000":
		return false
	case s == "078051120", s == "457555462", s == "219099999":
		return false
	}
	return true
}

// mbiForm gives each of the eleven places: 1 for 1 to 9, 9 for a digit, A for
// a letter, x for either. S, L, O, I, B and Z never occur.
const mbiForm = "1Ax9Ax9AA99"

func validMBI(s string) bool {
	if len(s) != len(mbiForm) {
		return false
	}
	for i := range len(s) {
		letter := isUpper(s[i]) && s[i] != 'S' && s[i] != 'L' && s[i] != 'O' && s[i] != 'I' && s[i] != 'B' && s[i] != 'Z'
		digit := isDigit(s[i])
		switch mbiForm[i] {
		case '1':
			if !digit || s[i] == '0' {
				return false
			}
		case '9':
			if !digit {
				return false
			}
		case 'A':
			if !letter {
				return false
			}
		case 'x':
			if !digit && !letter {
				return false
			}
		}
	}
	return true
}

// maskMBI takes the six letters that an MBI cannot hold, and any letter where
// a digit must stand, for the digits they look like.
func maskMBI(s string) (string, bool) {
	b := []byte(s)
	changed := false
	for i, c := range b {
		to := c
		switch {
		case i < len(mbiForm) && (mbiForm[i] == '9' || mbiForm[i] == '1'):
			digit, _ := maskDigits(string(c))
			to = digit[0]
		case i < len(mbiForm) && mbiForm[i] == 'x':
			switch c {
			case 'S', 'L', 'O', 'I', 'B', 'Z':
				digit, _ := maskDigits(string(c))
				to = digit[0]
			}
		}
		changed = changed || to != c
		b[i] = to
	}
	return string(b), changed
}

// validNHI checks both forms: three letters and four digits (weights 7 to 2,
// modulo 11), and three letters, two digits and two letters (modulo 24 letters).
// Letters count from A as 1 without I and O.
func validNHI(s string) bool {
	if len(s) != 7 {
		return false
	}
	sum := 0
	for i := range 6 {
		v := nhiValue(s[i], i < 3 || i == 5 && isUpper(s[5]))
		if v < 0 {
			return false
		}
		sum += v * (7 - i)
	}
	if isUpper(s[5]) {
		return isUpper(s[6]) && nhiValue(s[6], true) == 23-sum%23
	}
	return isDigit(s[6]) && sum%11 != 0 && (11-sum%11)%10 == int(s[6]-'0')
}

// nhiValue is what a place counts, or -1 where it cannot stand.
func nhiValue(c byte, letter bool) int {
	switch {
	case !letter && isDigit(c):
		return int(c - '0')
	case !letter || !isUpper(c) || c == 'I' || c == 'O':
		return -1
	}
	v := int(c-'A') + 1
	if c > 'O' {
		v--
	}
	if c > 'I' {
		v--
	}
	return v
}
