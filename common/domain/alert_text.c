/*
 * Alerts in the languages of operators, as the console says them (its lang folder). A unit test holds that every kind has
 * its texts in every language.
 */
#include "common/domain/alert_text.h"

#include <strings.h>

struct texts {
    const char *title, *step;
};

/* clang-format off */
static const struct texts texts[LANGUAGE_N][ALERT_KIND_N] = {
    [LANGUAGE_EN] = {
        [ALERT_BRIDGE_DOWN] = { "Bridge down",
            "Its sessions are left alone until it is back: start the bridge." },
        [ALERT_BRIDGE_INCIDENT] = { "Bridge in trouble as a whole",
            "Its sessions are left alone until it is well: look at the bridge and its network." },
        [ALERT_BRIDGE_KEY_REFUSED] = { "Bridge refuses our key",
            "Set WHATSAPP_API_KEY to the key of the bridge." },
        [ALERT_BRIDGE_OUTDATED] = { "Bridge too old for WhatsApp",
            "Update the bridge, then unpark a session." },
        [ALERT_INGEST_DEAD] = { "webhook-ingest not running",
            "Webhooks are not stored: start zapkeep-ingest." },
        [ALERT_WORKERS_DEAD] = { "No reconnect-worker running",
            "Sessions that drop stay down: start zapkeep-reconnect." },
        [ALERT_FORWARDER_DEAD] = { "Forwarder not running",
            "Backends get no events: start zapkeep-forward." },
        [ALERT_HUB_DEAD] = { "Bus hub not running",
            "Taps see nothing and all reactions are slower: start zapkeep-hub." },
        [ALERT_BRIDGE_UNKNOWN_WORD] = { "Unknown state from the bridge",
            "The bridge calls sessions by a word that zapkeep does not know; they are left alone: look at the bridge." },
        [ALERT_BRIDGE_TWO_OWNERS] = { "One phone, two sessions",
            "Each may throw the other out, and the one that is down is parked: unpair one of them." },
        [ALERT_BRIDGE_TWO_STACKS] = { "Two zapkeeps on one bridge",
            "Each reconnects its sessions, and neither counts the other's attempts: stop one of them." },
        [ALERT_BRIDGE_CHANGED] = { "Another bridge answers",
            "Look at what is behind its URL, and forget sessions that will not come back with `zapkeep session delete`." },
        [ALERT_DESTINATION_FAILING] = { "Destination does not take every event",
            "Its events wait, none is lost: `zapkeep forward status` shows its last answer." },
        [ALERT_DISK_LIMIT] = { "The stores are over their disk limit",
            "The oldest deduplication keys go early, then the oldest events: make ZAPKEEP_DISK_SIZE larger or the retention shorter." },
        [ALERT_STORE_DOWN] = { "The store cannot be used",
            "Webhooks are answered 503 and no session is reconnected until it can: start the database server, or look at its network." },
        [ALERT_WEBHOOKS_DRIFTED] = { "Webhook subscription changed at the bridge",
            "Its sessions' webhooks go elsewhere or are incomplete: `zapkeep bridge check NAME --repair` sets them again." },
        [ALERT_WEBHOOKS_REFUSED] = { "Webhooks of the bridge are refused",
            "Its events are lost: give the bridge the token that webhook-ingest wants." },
        [ALERT_WEBHOOKS_UNWATCHED] = { "Webhooks for a bridge that nobody watches",
            "Send them to /webhook/NAME of a configured bridge, or configure this one." },
        [ALERT_SESSION_LOST] = { "Session gone from the bridge",
            "Pair it to create it again, or delete it." },
        [ALERT_SESSION_BANNED] = { "Session refused by WhatsApp",
            "A person has to see to it on the phone." },
        [ALERT_SESSION_LOGGED_OUT] = { "Session logged out",
            "Pair it again with the phone." },
        [ALERT_SESSION_PARKED] = { "Session parked",
            "Nothing is tried until somebody unparks it." },
        [ALERT_SESSION_NEEDS_QR] = { "Session waits for a QR scan",
            "Open its pairing page and scan the code." },
        [ALERT_SESSION_FLAPPING] = { "Session drops again and again",
            "It is left alone for a while: look for a second client or a bad network." },
        [ALERT_SESSION_DOWN] = { "Session down for a while",
            "`zapkeep session show` says what is tried, and when next." },
        [ALERT_SESSION_ACTION_REQUIRED] = { "Session waits for a person",
            "Confirm it on the phone that owns the number (a passkey), or at the bridge's own page." },
        [ALERT_SESSION_SILENT] = { "Session silent",
            "Connected, but it has received nothing for too long: reconnect it, or check the phone." },
    },
    [LANGUAGE_PT_BR] = {
        [ALERT_BRIDGE_DOWN] = { "Ponte fora do ar",
            "Suas sessões ficam intocadas até ela voltar: inicie a ponte." },
        [ALERT_BRIDGE_INCIDENT] = { "Problema geral na ponte",
            "Suas sessões ficam intocadas até melhorar: verifique a ponte e a rede." },
        [ALERT_BRIDGE_KEY_REFUSED] = { "A ponte recusa nossa chave",
            "Defina WHATSAPP_API_KEY com a chave da ponte." },
        [ALERT_BRIDGE_OUTDATED] = { "Ponte desatualizada para o WhatsApp",
            "Atualize a ponte e depois libere uma sessão." },
        [ALERT_INGEST_DEAD] = { "O webhook-ingest não está rodando",
            "Os webhooks não são gravados: inicie o zapkeep-ingest." },
        [ALERT_WORKERS_DEAD] = { "Nenhum reconnect-worker rodando",
            "Sessões que caem ficam fora: inicie o zapkeep-reconnect." },
        [ALERT_FORWARDER_DEAD] = { "O forwarder não está rodando",
            "Os backends não recebem eventos: inicie o zapkeep-forward." },
        [ALERT_HUB_DEAD] = { "O bus-hub não está rodando",
            "Os taps não veem nada e tudo reage mais devagar: inicie o zapkeep-hub." },
        [ALERT_BRIDGE_UNKNOWN_WORD] = { "Estado desconhecido da ponte",
            "A ponte usa uma palavra que o zapkeep não conhece; essas sessões ficam intocadas: verifique a ponte." },
        [ALERT_BRIDGE_TWO_OWNERS] = { "Um telefone, duas sessões",
            "Uma pode derrubar a outra, e a que caiu fica estacionada: desemparelhe uma delas." },
        [ALERT_BRIDGE_TWO_STACKS] = { "Dois zapkeep numa só ponte",
            "Cada um reconecta as sessões e nenhum conta as tentativas do outro: pare um deles." },
        [ALERT_BRIDGE_CHANGED] = { "Outra ponte responde",
            "Veja o que está por trás da URL dela, e esqueça sessões que não voltarão com `zapkeep session delete`." },
        [ALERT_DESTINATION_FAILING] = { "O destino não aceita todos os eventos",
            "Os eventos esperam, nenhum se perde: `zapkeep forward status` mostra a última resposta." },
        [ALERT_DISK_LIMIT] = { "O armazenamento passou do limite de disco",
            "As chaves de deduplicação mais antigas saem antes da hora, depois os eventos mais antigos: aumente ZAPKEEP_DISK_SIZE ou reduza a retenção." },
        [ALERT_STORE_DOWN] = { "O armazenamento não pode ser usado",
            "Os webhooks recebem 503 e nenhuma sessão é reconectada até que volte: inicie o servidor do banco de dados ou verifique a rede dele." },
        [ALERT_WEBHOOKS_DRIFTED] = { "Assinatura de webhooks alterada na ponte",
            "Os webhooks das sessões vão para outro lugar ou estão incompletos: `zapkeep bridge check NOME --repair` os define de novo." },
        [ALERT_WEBHOOKS_REFUSED] = { "Webhooks da ponte são recusados",
            "Os eventos se perdem: dê à ponte o token que o webhook-ingest espera." },
        [ALERT_WEBHOOKS_UNWATCHED] = { "Webhooks de uma ponte que ninguém vigia",
            "Envie-os para /webhook/NOME de uma ponte configurada, ou configure esta." },
        [ALERT_SESSION_LOST] = { "Sessão sumiu da ponte",
            "Pareie para criá-la de novo ou exclua-a." },
        [ALERT_SESSION_BANNED] = { "Sessão recusada pelo WhatsApp",
            "Alguém precisa resolver no telefone." },
        [ALERT_SESSION_LOGGED_OUT] = { "Sessão desconectada da conta",
            "Pareie de novo com o telefone." },
        [ALERT_SESSION_PARKED] = { "Sessão estacionada",
            "Nada é tentado até alguém liberá-la." },
        [ALERT_SESSION_NEEDS_QR] = { "Sessão espera a leitura do QR",
            "Abra a página de pareamento e leia o código." },
        [ALERT_SESSION_FLAPPING] = { "Sessão cai repetidamente",
            "Ela fica intocada por um tempo: procure um segundo cliente ou rede ruim." },
        [ALERT_SESSION_DOWN] = { "Sessão fora há algum tempo",
            "`zapkeep session show` mostra o que é tentado e quando." },
        [ALERT_SESSION_ACTION_REQUIRED] = { "A sessão espera uma pessoa",
            "Confirme no telefone dono do número (uma chave de acesso) ou na página da própria ponte." },
        [ALERT_SESSION_SILENT] = { "Sessão silenciosa",
            "Conectada, mas não recebe nada há tempo demais: reconecte ou verifique o telefone." },
    },
    [LANGUAGE_ES] = {
        [ALERT_BRIDGE_DOWN] = { "Puente caído",
            "Sus sesiones no se tocan hasta que vuelva: inicie el puente." },
        [ALERT_BRIDGE_INCIDENT] = { "Problema general en el puente",
            "Sus sesiones no se tocan hasta que mejore: revise el puente y su red." },
        [ALERT_BRIDGE_KEY_REFUSED] = { "El puente rechaza nuestra clave",
            "Ponga en WHATSAPP_API_KEY la clave del puente." },
        [ALERT_BRIDGE_OUTDATED] = { "Puente obsoleto para WhatsApp",
            "Actualice el puente y luego libere una sesión." },
        [ALERT_INGEST_DEAD] = { "webhook-ingest no funciona",
            "Los webhooks no se guardan: inicie zapkeep-ingest." },
        [ALERT_WORKERS_DEAD] = { "Ningún reconnect-worker en marcha",
            "Las sesiones que caen no vuelven: inicie zapkeep-reconnect." },
        [ALERT_FORWARDER_DEAD] = { "El forwarder no funciona",
            "Los backends no reciben eventos: inicie zapkeep-forward." },
        [ALERT_HUB_DEAD] = { "El bus-hub no funciona",
            "Los taps no ven nada y todo reacciona más lento: inicie zapkeep-hub." },
        [ALERT_BRIDGE_UNKNOWN_WORD] = { "Estado desconocido del puente",
            "El puente usa una palabra que zapkeep no conoce; esas sesiones no se tocan: revise el puente." },
        [ALERT_BRIDGE_TWO_OWNERS] = { "Un teléfono, dos sesiones",
            "Una puede echar a la otra, y la caída queda aparcada: desvincule una de ellas." },
        [ALERT_BRIDGE_TWO_STACKS] = { "Dos zapkeep en un solo puente",
            "Cada uno reconecta las sesiones y ninguno cuenta los intentos del otro: detenga uno de ellos." },
        [ALERT_BRIDGE_CHANGED] = { "Responde otro puente",
            "Mire qué hay detrás de su URL, y olvide las sesiones que no volverán con `zapkeep session delete`." },
        [ALERT_DESTINATION_FAILING] = { "El destino no acepta todos los eventos",
            "Los eventos esperan, ninguno se pierde: `zapkeep forward status` muestra su última respuesta." },
        [ALERT_DISK_LIMIT] = { "El almacenamiento superó su límite de disco",
            "Las claves de deduplicación más antiguas se eliminan antes de tiempo, luego los eventos más antiguos: aumente ZAPKEEP_DISK_SIZE o acorte la retención." },
        [ALERT_STORE_DOWN] = { "No se puede usar el almacenamiento",
            "Los webhooks reciben 503 y ninguna sesión se reconecta hasta que vuelva: inicie el servidor de la base de datos o revise su red." },
        [ALERT_WEBHOOKS_DRIFTED] = { "Suscripción de webhooks cambiada en el puente",
            "Los webhooks de sus sesiones van a otro lugar o están incompletos: `zapkeep bridge check NOMBRE --repair` los fija de nuevo." },
        [ALERT_WEBHOOKS_REFUSED] = { "Se rechazan los webhooks del puente",
            "Sus eventos se pierden: dé al puente el token que espera webhook-ingest." },
        [ALERT_WEBHOOKS_UNWATCHED] = { "Webhooks de un puente que nadie vigila",
            "Envíelos a /webhook/NOMBRE de un puente configurado, o configure este." },
        [ALERT_SESSION_LOST] = { "Sesión desaparecida del puente",
            "Vincúlela para crearla de nuevo o elimínela." },
        [ALERT_SESSION_BANNED] = { "Sesión rechazada por WhatsApp",
            "Alguien debe resolverlo en el teléfono." },
        [ALERT_SESSION_LOGGED_OUT] = { "Sesión cerrada",
            "Vincúlela de nuevo con el teléfono." },
        [ALERT_SESSION_PARKED] = { "Sesión aparcada",
            "No se intenta nada hasta que alguien la libere." },
        [ALERT_SESSION_NEEDS_QR] = { "Sesión espera el escaneo del QR",
            "Abra su página de vinculación y escanee el código." },
        [ALERT_SESSION_FLAPPING] = { "Sesión cae una y otra vez",
            "No se toca por un tiempo: busque un segundo cliente o mala red." },
        [ALERT_SESSION_DOWN] = { "Sesión caída desde hace un rato",
            "`zapkeep session show` dice qué se intenta y cuándo." },
        [ALERT_SESSION_ACTION_REQUIRED] = { "La sesión espera a una persona",
            "Confírmela en el teléfono dueño del número (una llave de acceso) o en la página del propio puente." },
        [ALERT_SESSION_SILENT] = { "Sesión silenciosa",
            "Conectada, pero no recibe nada desde hace demasiado: reconéctela o revise el teléfono." },
    },
    [LANGUAGE_ID] = {
        [ALERT_BRIDGE_DOWN] = { "Bridge mati",
            "Sesinya dibiarkan sampai bridge kembali: jalankan bridge." },
        [ALERT_BRIDGE_INCIDENT] = { "Bridge bermasalah secara keseluruhan",
            "Sesinya dibiarkan sampai pulih: periksa bridge dan jaringannya." },
        [ALERT_BRIDGE_KEY_REFUSED] = { "Bridge menolak kunci kami",
            "Isi WHATSAPP_API_KEY dengan kunci bridge." },
        [ALERT_BRIDGE_OUTDATED] = { "Bridge terlalu lama untuk WhatsApp",
            "Perbarui bridge, lalu lepas parkir satu sesi." },
        [ALERT_INGEST_DEAD] = { "webhook-ingest tidak berjalan",
            "Webhook tidak disimpan: jalankan zapkeep-ingest." },
        [ALERT_WORKERS_DEAD] = { "Tidak ada reconnect-worker",
            "Sesi yang putus tetap mati: jalankan zapkeep-reconnect." },
        [ALERT_FORWARDER_DEAD] = { "Forwarder tidak berjalan",
            "Backend tidak menerima event: jalankan zapkeep-forward." },
        [ALERT_HUB_DEAD] = { "Bus-hub tidak berjalan",
            "Tap tidak melihat apa-apa dan reaksi melambat: jalankan zapkeep-hub." },
        [ALERT_BRIDGE_UNKNOWN_WORD] = { "Status tak dikenal dari bridge",
            "Bridge memakai kata yang tidak dikenal zapkeep; sesinya dibiarkan: periksa bridge." },
        [ALERT_BRIDGE_TWO_OWNERS] = { "Satu ponsel, dua sesi",
            "Yang satu dapat memutus yang lain, dan yang putus diparkir: lepaskan salah satunya." },
        [ALERT_BRIDGE_TWO_STACKS] = { "Dua zapkeep pada satu bridge",
            "Masing-masing menghubungkan ulang sesi tanpa menghitung percobaan yang lain: hentikan salah satunya." },
        [ALERT_BRIDGE_CHANGED] = { "Bridge lain yang menjawab",
            "Periksa apa yang ada di balik URL-nya, dan lupakan sesi yang tidak akan kembali dengan `zapkeep session delete`." },
        [ALERT_DESTINATION_FAILING] = { "Tujuan tidak menerima semua event",
            "Event menunggu, tidak ada yang hilang: `zapkeep forward status` menampilkan jawaban terakhirnya." },
        [ALERT_DISK_LIMIT] = { "Penyimpanan melewati batas disk",
            "Kunci deduplikasi tertua dihapus lebih awal, lalu event tertua: perbesar ZAPKEEP_DISK_SIZE atau perpendek retensi." },
        [ALERT_STORE_DOWN] = { "Penyimpanan tidak dapat dipakai",
            "Webhook dijawab 503 dan tidak ada sesi yang disambungkan ulang sampai pulih: jalankan server basis data, atau periksa jaringannya." },
        [ALERT_WEBHOOKS_DRIFTED] = { "Langganan webhook di bridge berubah",
            "Webhook sesinya pergi ke tempat lain atau tidak lengkap: `zapkeep bridge check NAMA --repair` menyetelnya lagi." },
        [ALERT_WEBHOOKS_REFUSED] = { "Webhook dari jembatan ditolak",
            "Peristiwanya hilang: beri jembatan token yang diminta webhook-ingest." },
        [ALERT_WEBHOOKS_UNWATCHED] = { "Webhook untuk jembatan yang tidak dipantau",
            "Kirim ke /webhook/NAMA jembatan yang dikonfigurasi, atau konfigurasikan jembatan ini." },
        [ALERT_SESSION_LOST] = { "Sesi hilang dari bridge",
            "Tautkan untuk membuatnya lagi, atau hapus." },
        [ALERT_SESSION_BANNED] = { "Sesi ditolak WhatsApp",
            "Seseorang harus mengurusnya di ponsel." },
        [ALERT_SESSION_LOGGED_OUT] = { "Sesi keluar dari akun",
            "Tautkan lagi dengan ponsel." },
        [ALERT_SESSION_PARKED] = { "Sesi diparkir",
            "Tidak ada percobaan sampai parkirnya dilepas." },
        [ALERT_SESSION_NEEDS_QR] = { "Sesi menunggu pemindaian QR",
            "Buka halaman penautan dan pindai kodenya." },
        [ALERT_SESSION_FLAPPING] = { "Sesi putus berulang kali",
            "Sesi dibiarkan sementara: cari klien kedua atau jaringan buruk." },
        [ALERT_SESSION_DOWN] = { "Sesi mati cukup lama",
            "`zapkeep session show` menjelaskan apa yang dicoba dan kapan." },
        [ALERT_SESSION_ACTION_REQUIRED] = { "Sesi menunggu seseorang",
            "Konfirmasi di ponsel pemilik nomor (passkey), atau di halaman bridge itu sendiri." },
        [ALERT_SESSION_SILENT] = { "Sesi senyap",
            "Tersambung, tetapi terlalu lama tidak menerima apa pun: sambungkan ulang atau periksa ponsel." },
    },
};

static const struct {
    const char *name, *resolved, *session, *bridge, *test;
} words[LANGUAGE_N] = {
    [LANGUAGE_EN] = { "en", "resolved", "session", "bridge", "A test of zapkeep: this sink works." },
    [LANGUAGE_PT_BR] = { "pt-BR", "resolvido", "sessão", "ponte", "Teste do zapkeep: este canal funciona." },
    [LANGUAGE_ES] = { "es", "resuelto", "sesión", "puente", "Prueba de zapkeep: este canal funciona." },
    [LANGUAGE_ID] = { "id", "selesai", "sesi", "jembatan", "Tes zapkeep: saluran ini berfungsi." },
};
/* clang-format on */

int language_find(const char *name)
{
    for (int i = 0; i < LANGUAGE_N; i++) {
        if (strcasecmp(words[i].name, name) == 0)
            return i;
    }
    return -1;
}

const char *language_name(enum language l)
{
    return words[l].name;
}

const char *alert_title(enum language l, enum alert_kind k)
{
    const char *title = texts[l][k].title;

    return title ? title : alert_kind_text(k);
}

const char *alert_step(enum language l, enum alert_kind k)
{
    const char *step = texts[l][k].step;

    return step ? step : "";
}

const char *alert_word(enum language l, enum alert_word w)
{
    switch (w) {
    case ALERT_WORD_RESOLVED:
        return words[l].resolved;
    case ALERT_WORD_SESSION:
        return words[l].session;
    case ALERT_WORD_BRIDGE:
        return words[l].bridge;
    case ALERT_WORD_TEST:
        return words[l].test;
    }
    return "";
}
