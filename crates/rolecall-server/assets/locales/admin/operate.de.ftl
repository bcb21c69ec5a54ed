admin-nav-audit = Protokoll
admin-audit-lead = Jede Änderung, und wer sie gemacht hat, die neueste zuerst.
admin-audit-events-lead = Anmeldungen, Ablehnungen und andere Ereignisse, das neueste zuerst.
admin-audit-changes = Änderungen
admin-audit-events = Ereignisse
admin-audit-who = Wer
admin-audit-what = Was
admin-audit-about = Worüber
admin-audit-kind = Ereignis
admin-audit-entry = Eintrag
admin-audit-entry-title = Eintrag { $name }
admin-audit-event-title = Ereignis { $name }
admin-audit-event = Ereignis
admin-audit-mark = Marke
admin-audit-nobody = Niemand, der bekannt ist
admin-audit-more = { $count ->
    [one] und eine weitere Änderung
   *[other] und { $count } weitere Änderungen
}
admin-audit-unfinished = Ältere Einträge sind noch nicht durchsucht. Gehen Sie zur nächsten Seite, oder geben Sie eine Zeit an.
admin-audit-nothing-found = Nichts passt. Suchen Sie nach weniger, oder zeigen Sie alle.
admin-audit-empty = Es ist noch nichts geschehen.
admin-audit-export = Diese Einträge als JSON herunterladen (je 10.000)
admin-from-utc = Ab (UTC)
admin-audit-verify = Protokoll prüfen
admin-verify-lead = Prüft, dass kein Eintrag geändert oder entfernt wurde, und dass niemand Zugriff hat, den kein Eintrag erklärt. Bei einem langen Protokoll dauert das.
admin-verify-mark = Marke, die Sie aufgehoben haben
admin-verify-mark-hint = Ein Eintrag muss sie haben. Lassen Sie es leer, wenn Sie keine haben.
admin-no-mark = Eine Marke hat 64 Hexadezimalziffern, mit oder ohne eine Revision und einen Doppelpunkt davor.
admin-verify-keep = Heben Sie diese Marke auf, wo niemand schreiben kann, der in die Datenbank schreiben kann. Sie beweist später, dass bis hierher nichts geändert wurde.
admin-verify-bad = Finden Sie heraus, wer in die Datenbank schreiben kann. Eine Sicherung zeigt, was vorher war.
admin-verify-more = { $count ->
    [one] und ein weiterer Unterschied
   *[other] und { $count } weitere Unterschiede
}
admin-verdict-good = Unversehrt
admin-verdict-bad = Verändert
admin-verdict-intact = { $count ->
    [one] Das Protokoll hat einen Eintrag, und nichts fehlt.
   *[other] Das Protokoll hat { $count } Einträge, und nichts fehlt.
}
admin-verdict-altered = Eintrag { $revision } wurde geändert, oder Einträge davor fehlen.
admin-verdict-truncated = Das Protokoll endet mit Eintrag { $revision }, aber die neueste Änderung ist { $count }.
admin-verdict-unsealed = Eintrag { $revision } ist nicht der neueste, der geschrieben wurde.
admin-verdict-tampered = Einträge vor { $revision } waren schon entfernt, als er geschrieben wurde.
admin-verdict-unknown-mark = Kein Eintrag hat diese Marke: die Einträge bis zu ihr sind nicht mehr dieselben.
admin-verdict-unexplained = Die Datenbank enthält Zugriff, den kein Eintrag erklärt.
