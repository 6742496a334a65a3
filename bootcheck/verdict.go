package bootcheck

import (
	"slices"
	"sort"
	"strings"

	"image-capture/deploy"
)

// Answer is what the check says to a question. Where a rule could not look, or does not
// know what the deployer does, it is never Yes.
type Answer string

// The answers.
const (
	Yes       Answer = "yes"
	No        Answer = "no"
	NotJudged Answer = "not judged"
)

// Verdict says whether the image boots under a firmware, once the deployer has
// unpacked it and installed its boot loader.
type Verdict struct {
	Firmware Firmware `json:"firmware"`
	Boots    bool     `json:"boots"`    // the answer is Yes
	Problems int      `json:"problems"` // findings that keep it from booting
	Answer   Answer   `json:"answer"`
	Why      string   `json:"why,omitempty"` // in a few words, where it is not plainly Yes
	// Path are the steps by which a clone comes up, in their order: what firmware, loader,
	// kernel, initramfs and the system read.
	Path []Step `json:"path"`
	// Later is what breaks a clone that boots: "the first kernel update will ...".
	Later string `json:"later,omitempty"`
}

// Deployment says whether the deployer gets through with the image.
type Deployment struct {
	Deployer Deployer          `json:"deployer"`
	Curtin   deploy.Generation `json:"curtin,omitempty"` // which image-deploy runs
	Answer   Answer            `json:"answer"`
	Why      string            `json:"why,omitempty"`
}

// question is one of those that get a verdict.
type question uint8

const (
	deploys question = 1 << iota
	boots
)

// doubt is why a question cannot be answered with Yes.
type doubt struct {
	about question
	fw    Firmware
	rule  string
	why   string
}

// doubts notes that a question is not judged for a firmware, or for Both.
func (s *survey) doubts(about question, fw Firmware, why string) {
	s.doubted = append(s.doubted, doubt{about, fw, s.rule.name, why})
}

// doubtOf returns the first reason for a doubt, in a step or in any of them where that is
// empty.
func (s *survey) doubtOf(about question, fw Firmware, step string) string {
	for _, d := range s.doubted {
		if d.about&about != 0 && d.fw&fw != 0 && (step == "" || stepOfRule(d.rule) == step) {
			return d.why
		}
	}
	return ""
}

// close makes the report of the findings.
func (s *survey) close() Report {
	// The rules were applied in another order than people read.
	sort.SliceStable(s.findings, func(i, j int) bool { return placeOf(s.findings[i].Rule) < placeOf(s.findings[j].Rule) })
	sort.SliceStable(s.doubted, func(i, j int) bool { return placeOf(s.doubted[i].rule) < placeOf(s.doubted[j].rule) })
	r := Report{System: s.system, Findings: s.findings}
	for _, fw := range firmwares {
		if fw != BIOS || s.hasBIOS() {
			r.Verdicts = append(r.Verdicts, s.verdict(fw))
		}
	}
	if !slices.ContainsFunc(r.Verdicts, func(v Verdict) bool { return v.Answer != No }) {
		// Nobody asked for one of them, but one it must be.
		for i := range r.Findings {
			if f := &r.Findings[i]; len(f.Stops) > 0 && s.concerned(f.Stops) {
				f.Level = Fail
			}
		}
	}
	for i := range r.Findings {
		r.Findings[i].Hint = s.opt.place(r.Findings[i].Hint)
	}
	r.Deploys = s.deployment(r.Verdicts)
	if r.Deploys.Answer == No {
		for i := range r.Findings {
			if f := &r.Findings[i]; len(f.Ends) > 0 && s.concerned(f.Ends) {
				f.Level = Fail
			}
		}
	}
	return r
}

func (s *survey) verdict(fw Firmware) Verdict {
	v := Verdict{Firmware: fw}
	v.Path, v.Problems = s.path(fw)
	v.Answer, v.Why = answerOf(v.Path, v.Problems)
	if v.Boots = v.Answer == Yes; v.Answer != No {
		v.Later = s.laterOf(fw)
	}
	return v
}

// inBrief is what a verdict says of the finding.
func (f Finding) inBrief() string {
	if f.brief != "" {
		return f.brief
	}
	text, _, _ := strings.Cut(f.Problem, ": ")
	for _, verb := range []string{"is ", "has ", "cannot "} {
		if strings.HasPrefix(text, verb) {
			text = f.Path + " " + text
		}
	}
	return shorten(text)
}

// deployment is the verdict about the deployer. It needs to get through under one
// firmware, or under those that were asked for: what it cannot make boot is no success.
func (s *survey) deployment(list []Verdict) Deployment {
	d := Deployment{Deployer: s.opt.Deployer, Answer: NotJudged}
	if d.Deployer == ImageDeploy {
		d.Curtin = s.curtin.Generation
	}
	var good, bad, open []Firmware
	why := map[Firmware]string{}
	for _, v := range list {
		fw := v.Firmware
		end := slices.IndexFunc(s.findings, func(f Finding) bool { return slices.Contains(f.Ends, fw) })
		switch doubt := s.doubtOf(deploys, fw, ""); {
		case end >= 0:
			bad, why[fw] = append(bad, fw), s.findings[end].inBrief()
		case v.Answer == No:
			bad, why[fw] = append(bad, fw), v.Why
		case doubt != "":
			open, why[fw] = append(open, fw), doubt
		case v.Answer == NotJudged:
			open, why[fw] = append(open, fw), v.Why
		default:
			good = append(good, fw)
		}
	}
	asked := func(l []Firmware) bool {
		return slices.ContainsFunc(l, func(fw Firmware) bool { return s.opt.Firmware&fw != 0 })
	}
	switch {
	case asked(bad) || len(good)+len(open) == 0:
		d.Answer, d.Why = No, reasons(bad, why, len(list))
	case asked(open) || len(good) == 0:
		d.Answer, d.Why = NotJudged, reasons(append(open, bad...), why, len(list))
	default:
		d.Answer, d.Why = Yes, reasons(append(open, bad...), why, len(list))
		if d.Why != "" {
			d.Why = "not " + d.Why
		}
	}
	return d
}

// reasons are those of some firmwares of all: "BIOS: why; UEFI: why", or once and
// without names where all have the same.
func reasons(list []Firmware, why map[Firmware]string, all int) string {
	var parts []string
	same := len(list) == all
	for _, fw := range list {
		same = same && why[fw] == why[list[0]]
		parts = append(parts, strings.ToUpper(fw.String())+": "+why[fw])
	}
	if same && len(list) > 0 {
		return why[list[0]]
	}
	return strings.Join(parts, "; ")
}
