package scantest

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/png"

	"golang.org/x/image/bmp"
)

// Registry is the people on the sheets, as a registry's export has them.
const Registry = `mrn,last,first,middle,dob,sex,phone,street,city,state,zip
00310042,HALVORSEN,INGRID,M,1948-02-17,F,555-0142,12 Quarry Lane,Elmford,OH,43999
00310057,OKONKWO,TOBIAS,,1961-11-03,M,555-0157,7 Miller Court,Elmford,OH,43999
00310063,DELACROIX,MARGUERITE,A,1975-06-29,F,555-0163,430 Harbor Street,Elmford,OH,43999
00310078,FEATHERSTONE,BASIL,J,1939-09-08,M,555-0178,88 Orchard Road,Elmford,OH,43999
00310084,YAMAGUCHI,HANAKO,,1982-12-21,F,555-0184,5 Chapel Hill,Elmford,OH,43999
`

// The sheets that the files of testdata show.
var (
	Discharge = Sheet{"ELMFORD GENERAL HOSPITAL", "DISCHARGE SUMMARY", "Patient: HALVORSEN, INGRID M", "DOB: 02/17/1948     MRN: 00310042", "Date of service: 03/04/2009",
		"Admitted with chest pain after climbing stairs.", "Troponin negative twice, stress test without ischemia.", "Discharged home on aspirin and metoprolol.", "Follow up in two weeks with the family physician."}
	Laboratory = Sheet{"ELMFORD GENERAL HOSPITAL", "LABORATORY REPORT", "Patient: HALVORSEN, INGRID M", "DOB: 02/17/1948     MRN: 00310042", "Collected: 03/03/2009",
		"Hemoglobin 13.1 g/dL", "Creatinine 0.9 mg/dL", "Potassium 4.2 mmol/L", "Glucose 104 mg/dL"}
	Referral = Sheet{"FAX COVER", "To: Cardiology clinic, Elmford", "Patient: OKONKWO, TOBIAS", "DOB: 11/03/1961     MRN: 00310057", "Please see for palpitations since August.",
		"Electrocardiogram enclosed."}
	Consent = Sheet{"CONSENT TO TREATMENT", "Patient: DELACROIX, MARGUERITE A", "DOB: 06/29/1975     MRN: 00310063", "Date: 05/12/2014", "I agree to the colonoscopy explained to me."}
	Blank   = Sheet{""}
)

// Files is what testdata holds: file names and contents.
func Files() map[string][]byte {
	files := map[string][]byte{"registry.csv": []byte(Registry)}
	tiffs(files)
	pictures(files)
	pdfs(files)
	broken(files)
	return files
}

func tiffs(files map[string][]byte) {
	le, be := binary.LittleEndian, binary.BigEndian
	fax := func(s Sheet, x, y int) Frame {
		return Frame{Picture: s.Draw(x, y), Compression: 4, Bits: 1, WhiteIsZero: true, DPIX: x, DPIY: y}
	}
	g3 := fax(Referral, 204, 98)
	g3.Compression = 3
	files["stay-g4.tiff"] = TIFF(le, false, fax(Discharge, 300, 300), fax(Laboratory, 200, 200), fax(Blank, 200, 200))
	files["fax-204x98.tiff"] = TIFF(be, false, g3)
	files["consent-lzw.tiff"] = TIFF(le, false, Frame{Picture: Consent.Draw(100, 100), Compression: 5, Bits: 8, DPIX: 100, DPIY: 100, Strips: 8})
	files["consent-big.tiff"] = TIFF(be, true, Frame{Picture: Consent.Draw(100, 100), Compression: 8, Bits: 8, DPIX: 100, DPIY: 100, Centimetres: true})
	turned := fax(Laboratory, 200, 200)
	turned.Picture, turned.Orientation = Stored(turned.Picture, 6), 6
	files["laboratory-turned.tiff"] = TIFF(le, false, turned)
	thumb := Frame{Picture: Referral.Draw(20, 20), Compression: 1, Bits: 8, DPIX: 20, DPIY: 20, Reduced: true}
	files["referral-thumbnail.tiff"] = TIFF(le, false, thumb, fax(Referral, 150, 150))
}

func pictures(files map[string][]byte) {
	photo := Stored(Consent.Draw(100, 100), 6)
	files["consent-phone.jpg"] = JPEG(photo, 6, 100)
	page := Referral.Draw(100, 100)
	coded := func(name string, encode func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			panic(err)
		}
		files[name] = b.Bytes()
	}
	coded("referral.png", func(b *bytes.Buffer) error { return png.Encode(b, page) })
	coded("referral.gif", func(b *bytes.Buffer) error { return gif.Encode(b, page, nil) })
	small := page.SubImage(image.Rect(0, 0, 850, 400)).(*image.Gray)
	coded("referral.bmp", func(b *bytes.Buffer) error { return bmp.Encode(b, small) })
	files["renamed.pdf"] = files["referral.png"] // a wrong extension
}

func pdfs(files map[string][]byte) {
	files["stay.pdf"] = PDF(ScannedPage(FaxPicture(Discharge.Draw(200, 200), -1), ""), ScannedPage(FlatePicture(Laboratory.Draw(100, 100), 8, false, true), "junk that nobody can see"))
	files["typed.pdf"] = PDF(TypedPage(Discharge), TypedPage(Laboratory))
	upside := ScannedPage(JPEGPicture(Stored(Consent.Draw(100, 100), 3)), "")
	upside.Rotate = 180
	files["mixed.pdf"] = PDF(upside, TypedPage(Referral))
}

func broken(files map[string][]byte) {
	files["empty.tiff"] = nil
	files["cut.tiff"] = cut(files["stay-g4.tiff"])
	files["cut.pdf"] = cut(files["stay.pdf"])
	files["cut.jpg"] = cut(files["consent-phone.jpg"])
	files["letter.doc"] = []byte("Dear colleague,\nthis is a text file under a wrong name.\n")
	files["nopages.pdf"] = PDF()
}

func cut(b []byte) []byte { return b[:len(b)*3/4] }
