/* SPDX-License-Identifier: Apache-2.0 */
/* The words of letters, in each language.
 * Runs on: any thread. Holds: nothing. Invariant: no text calls data anonymous, and none says that a copy
 * is gone before it is. A text that changes its meaning changes LETTER_VERSION. */
#include "base/assert.h"
#include "retention/letter_priv.h"

static const char *const pieces[PIECE_COUNT][LETTER_LANG_COUNT] = {
    [PIECE_SUBJECT] = {"Your request of {received}, our number {number}",
                       "Ihr Antrag vom {received}, unser Zeichen {number}"},
    [PIECE_GREETING] = {"Dear Sir or Madam,", "Sehr geehrte Damen und Herren,"},
    [PIECE_RECEIPT] =
        {"we have received your request of {received}: {rights}. You will have our answer by {due} "
         "at the latest.",
         "Ihr Antrag vom {received} ist bei uns eingegangen: {rights}. Sie erhalten unsere Antwort "
         "spätestens am {due}."},
    [PIECE_IDENTITY] =
        {"we cannot be sure that the request of {received} comes from the person whose data it is "
         "about. So that we give nobody else's data away, please help us to make sure of that "
         "(Article 12(6) of the General Data Protection Regulation, GDPR). We keep no copy of what "
         "you show us, only that and how we have checked it.",
         "wir haben Zweifel, ob der Antrag vom {received} von der Person kommt, um deren Daten es "
         "geht. Damit wir nicht die Daten anderer preisgeben, bitten wir Sie, uns die Prüfung zu "
         "ermöglichen (Artikel 12 Absatz 6 der Datenschutz-Grundverordnung, DSGVO). Von dem, was "
         "Sie uns zeigen, behalten wir keine Kopie, sondern nur, dass und wie wir geprüft haben."},
    [PIECE_EXTENSION_COMPLEXITY] =
        {"we need more time for your request of {received}, since it is complex. Article 12(3) "
         "GDPR "
         "allows two more months. You will have our answer by {due} at the latest.",
         "für Ihren Antrag vom {received} benötigen wir mehr Zeit, weil er komplex ist. Artikel 12 "
         "Absatz 3 DSGVO erlaubt eine Verlängerung um zwei Monate. Sie erhalten unsere Antwort "
         "spätestens am {due}."},
    [PIECE_EXTENSION_NUMBER] =
        {"we need more time for your request of {received}, because of the number of requests. "
         "Article 12(3) GDPR allows two more months. You will have our answer by {due} at the "
         "latest.",
         "für Ihren Antrag vom {received} benötigen wir wegen der Anzahl von Anträgen mehr Zeit. "
         "Artikel 12 Absatz 3 DSGVO erlaubt eine Verlängerung um zwei Monate. Sie erhalten unsere "
         "Antwort spätestens am {due}."},
    [PIECE_GRANTED] = {"we have done what you asked for with your request of {received}.",
                       "Ihrem Antrag vom {received} haben wir entsprochen."},
    [PIECE_PARTLY] = {"we have done a part of what you asked for with your request of {received}.",
                      "Ihrem Antrag vom {received} haben wir zum Teil entsprochen."},
    [PIECE_REFUSED] = {"we cannot do what you asked for with your request of {received}.",
                       "Ihrem Antrag vom {received} können wir nicht entsprechen."},
    [PIECE_NOT_IDENTIFIABLE] =
        {"we cannot tell which of our data are yours: by what you gave us we have found nobody. "
         "Article 11(2) GDPR: we need not collect more data only to be able to do so. If you give "
         "us something by which you are known here (an identifier, or a token that you were "
         "shown), "
         "we shall look again.",
         "wir können nicht feststellen, welche unserer Daten Sie betreffen: Mit Ihren Angaben "
         "haben "
         "wir niemanden gefunden. Nach Artikel 11 Absatz 2 DSGVO müssen wir nicht allein zu diesem "
         "Zweck weitere Daten erheben. Nennen Sie uns etwas, unter dem Sie hier bekannt sind (eine "
         "Kennung oder ein Token, das Ihnen angezeigt wurde), so suchen wir erneut."},
    [PIECE_WITHDRAWN] = {"you have withdrawn your request of {received}. We have closed it.",
                         "Sie haben Ihren Antrag vom {received} zurückgezogen. Wir haben ihn "
                         "abgeschlossen."},
    [PIECE_ERASED] = {"Your data were erased on {executed}: the key with which they were encrypted "
                      "was destroyed. "
                      "The receipt has the number {receipt}.",
                      "Ihre Daten wurden am {executed} gelöscht: Der Schlüssel, mit dem sie "
                      "verschlüsselt waren, "
                      "wurde vernichtet. Die Bescheinigung hat die Nummer {receipt}."},
    [PIECE_NOTHING_LEFT] =
        {"Nothing of your data was left on {executed}: their retention periods had ended.",
         "Am {executed} war von Ihren Daten nichts mehr vorhanden: Ihre Aufbewahrungsfristen waren "
         "abgelaufen."},
    [PIECE_BACKUPS_UNTIL] =
        {"Backup copies may remain until {until} at the latest. They are not used, and if one had "
         "to "
         "be restored, your data would be erased again before anybody could see them.",
         "Sicherungskopien können noch bis spätestens {until} bestehen. Sie werden nicht genutzt; "
         "müsste eine zurückgespielt werden, würden Ihre Daten erneut gelöscht, bevor sie jemand "
         "sehen könnte."},
    [PIECE_BACKUPS_UNKNOWN] =
        {"Backup copies may remain until they are replaced by newer ones. They are not used, and "
         "if "
         "one had to be restored, your data would be erased again before anybody could see them.",
         "Sicherungskopien können noch bestehen, bis sie durch neuere ersetzt werden. Sie werden "
         "nicht genutzt; müsste eine zurückgespielt werden, würden Ihre Daten erneut gelöscht, "
         "bevor "
         "sie jemand sehen könnte."},
    [PIECE_DONE] = {"{rights}: done on {executed}.", "{rights}: erledigt am {executed}."},
    [PIECE_RIGHT_REFUSED] = {"{rights}: not done. {reason}", "{rights}: nicht erfolgt. {reason}"},
    [PIECE_KEPT] = {"We keep {class} until {until}. {reason}",
                    "Wir bewahren {class} bis {until} auf. {reason}"},
    [PIECE_LAW] = {" The provision: {law}.", " Die Vorschrift: {law}."},
    [PIECE_RECIPIENTS_TOLD] =
        {"We have told those to whom we had passed the data on. If you ask us, we name them to you "
         "(Article 19 GDPR).",
         "Wir haben diejenigen unterrichtet, an die wir die Daten weitergegeben hatten. Auf Wunsch "
         "nennen wir sie Ihnen (Artikel 19 DSGVO)."},
    [PIECE_RECIPIENTS_ON_REQUEST] =
        {"If you ask us, we name those to whom we had passed the data on (Article 19 GDPR).",
         "Auf Wunsch nennen wir Ihnen diejenigen, an die wir die Daten weitergegeben hatten "
         "(Artikel "
         "19 DSGVO)."},
    [PIECE_COMPLAINT] =
        {"You may lodge a complaint with a supervisory authority, in particular where you live, "
         "where you work or where you think that the law was broken (Article 77 GDPR), and you may "
         "go to court (Article 79 GDPR).",
         "Sie können sich bei einer Aufsichtsbehörde beschweren, insbesondere an Ihrem Wohnort, an "
         "Ihrem Arbeitsplatz oder dort, wo Sie einen Verstoß vermuten (Artikel 77 DSGVO), und Sie "
         "können Klage vor Gericht erheben (Artikel 79 DSGVO)."},
    [PIECE_CLOSING] = {"Yours faithfully", "Mit freundlichen Grüßen"},
};

static const char *const right_words[REQUEST_RIGHT_COUNT][LETTER_LANG_COUNT] = {
    [REQUEST_ACCESS] = {"access to your data (Article 15 GDPR)",
                        "Auskunft über Ihre Daten (Artikel 15 DSGVO)"},
    [REQUEST_RECTIFICATION] = {"rectification of your data (Article 16 GDPR)",
                               "Berichtigung Ihrer Daten (Artikel 16 DSGVO)"},
    [REQUEST_ERASURE] = {"erasure of your data (Article 17 GDPR)",
                         "Löschung Ihrer Daten (Artikel 17 DSGVO)"},
    [REQUEST_RESTRICTION] = {"restriction of processing (Article 18 GDPR)",
                             "Einschränkung der Verarbeitung (Artikel 18 DSGVO)"},
    [REQUEST_PORTABILITY] = {"a copy of your data to take with you (Article 20 GDPR)",
                             "Übertragung Ihrer Daten (Artikel 20 DSGVO)"},
    [REQUEST_OBJECTION] = {"objection to processing (Article 21 GDPR)",
                           "Widerspruch gegen die Verarbeitung (Artikel 21 DSGVO)"},
    [REQUEST_CONSENT] = {"withdrawal of your consent (Article 7(3) GDPR)",
                         "Widerruf Ihrer Einwilligung (Artikel 7 Absatz 3 DSGVO)"},
};

static const struct {
    const char *code;
    const char *text[LETTER_LANG_COUNT];
} reasons[] = {
    {"manifestly_unfounded",
     {"The request is manifestly unfounded (Article 12(5) GDPR).",
      "Der Antrag ist offenkundig unbegründet (Artikel 12 Absatz 5 DSGVO)."}},
    {"excessive",
     {"The request is excessive, in particular because it repeats others (Article 12(5) GDPR).",
      "Der Antrag ist exzessiv, insbesondere weil er andere wiederholt (Artikel 12 Absatz 5 "
      "DSGVO)."}},
    {"identity_not_proven",
     {"We could not make sure that the request comes from the person whose data it is about "
      "(Article 12(6) GDPR).",
      "Wir konnten nicht feststellen, dass der Antrag von der Person kommt, um deren Daten es geht "
      "(Artikel 12 Absatz 6 DSGVO)."}},
    {"no_ground",
     {"None of the grounds that the law names applies.",
      "Keiner der Gründe, die das Gesetz nennt, liegt vor."}},
    {"17(3)(a)",
     {"The data are needed for the right of freedom of expression and information (Article "
      "17(3)(a) "
      "GDPR).",
      "Die Daten sind für das Recht auf freie Meinungsäußerung und Information erforderlich "
      "(Artikel "
      "17 Absatz 3 Buchstabe a DSGVO)."}},
    {"17(3)(b)",
     {"The law obliges us to keep the data (Article 17(3)(b) GDPR).",
      "Wir sind gesetzlich verpflichtet, die Daten aufzubewahren (Artikel 17 Absatz 3 Buchstabe b "
      "DSGVO)."}},
    {"17(3)(c)",
     {"The data are needed for public health (Article 17(3)(c) GDPR).",
      "Die Daten sind im Bereich der öffentlichen Gesundheit erforderlich (Artikel 17 Absatz 3 "
      "Buchstabe c DSGVO)."}},
    {"17(3)(d)",
     {"The data are needed for archiving, research or statistics (Article 17(3)(d) GDPR).",
      "Die Daten sind für Archiv-, Forschungs- oder statistische Zwecke erforderlich (Artikel 17 "
      "Absatz 3 Buchstabe d DSGVO)."}},
    {"17(3)(e)",
     {"The data are needed for legal claims (Article 17(3)(e) GDPR).",
      "Die Daten sind für Rechtsansprüche erforderlich (Artikel 17 Absatz 3 Buchstabe e DSGVO)."}},
    {"rights_of_others",
     {"It would adversely affect the rights of others (Article 15(4) and 20(4) GDPR).",
      "Die Rechte anderer würden beeinträchtigt (Artikel 15 Absatz 4 und 20 Absatz 4 DSGVO)."}},
    {"compelling_grounds",
     {"There are compelling legitimate grounds that override your interests (Article 21(1) GDPR).",
      "Zwingende schutzwürdige Gründe überwiegen Ihre Interessen (Artikel 21 Absatz 1 DSGVO)."}},
    {"not_portable",
     {"The data do not rest on your consent or on a contract (Article 20(1) GDPR).",
      "Die Daten beruhen nicht auf Ihrer Einwilligung oder einem Vertrag (Artikel 20 Absatz 1 "
      "DSGVO)."}},
    {"other_law", {"Another law does not allow it.", "Ein anderes Gesetz lässt es nicht zu."}},
};

static const char *const months[12][LETTER_LANG_COUNT] = {
    {"January", "Januar"},  {"February", "Februar"},  {"March", "März"},
    {"April", "April"},     {"May", "Mai"},           {"June", "Juni"},
    {"July", "Juli"},       {"August", "August"},     {"September", "September"},
    {"October", "Oktober"}, {"November", "November"}, {"December", "Dezember"},
};

const char *letter__piece(enum letter_piece piece, enum letter_lang lang)
{
    REQUIRE((unsigned)piece < PIECE_COUNT && (unsigned)lang < LETTER_LANG_COUNT);
    return pieces[piece][lang];
}

const char *letter__right(enum request_right right, enum letter_lang lang)
{
    REQUIRE((unsigned)right < REQUEST_RIGHT_COUNT && (unsigned)lang < LETTER_LANG_COUNT);
    return right_words[right][lang];
}

const char *letter__reason(struct span code, enum letter_lang lang)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (span_equal(code, span_str(reasons[i].code)))
            return reasons[i].text[lang];
    return "";
}

const char *letter__month(int month, enum letter_lang lang)
{
    REQUIRE(month >= 1 && month <= 12);
    return months[month - 1][lang];
}
