//! `readme.txt` of a bundle: how to check its core with public tools, years from now, without Clyra. A test runs every
//! command.

use clyra_evidence::manifest::ChangeHeader;

/// The text. It holds ids only; names of foreign objects stand in the other files.
pub(crate) fn text(header: &ChangeHeader) -> String {
    format!(
        r#"Evidence about one change. Change id:
{id}

manifest.dsse.json is the signed list of all other files (a DSSE envelope over an in-toto Statement v1).
receipts/ holds what the source told and when; facts.json every fact with its class and where it was read;
attestations/ the controls evaluated over these facts. The signature covers the manifest, the manifest the files.

What a signature shows: these bytes were not changed since they were signed by the key. Whether the key belongs to
the deployment shows the trust file, which you must have from elsewhere, not from here.

THE CORE OF THE CHECK, with a POSIX shell, grep, sed, base64, sha256sum and openssl, in the folder into which this zip
was unpacked. It shows that a key of the trust file signed the manifest, and that the files are those of the manifest.

1. Take the payload and the signature out of the envelope.

      sed 's/^{{"payload":"//; s/".*//' manifest.dsse.json | base64 -d > /tmp/manifest.json
      sed 's/.*"sig":"//; s/".*//' manifest.dsse.json | base64 -d > /tmp/manifest.sig

2. Compare every file with the manifest. Each line must end in OK.

      grep -o '"name":"[^"]*","digest":{{"sha256":"[0-9a-f]*"' /tmp/manifest.json |
        sed 's/"name":"\([^"]*\)","digest":{{"sha256":"\([0-9a-f]*\)"/\2  \1/' | sha256sum -c

   There must be no other file than those listed and manifest.dsse.json:

      find . -type f | sort

3. Take the key out of the trust file, which is an envelope too. Put its path between the quotes. The SHA-256 printed is
   its fingerprint: compare it with the one that you were given with the file. (A trust file that is plain JSON, without
   a payload, is copied to /tmp/trust-payload.json instead.)

      TRUST=""
      sha256sum "$TRUST"
      sed 's/^{{"payload":"//; s/".*//' "$TRUST" | base64 -d > /tmp/trust-payload.json

   The entry of the key must be printed once, with the role verdict and neither retiredAtIndex nor
   compromisedAtIndex; the digest after it must be the keyid.

      KEYID=$(sed 's/.*"keyid":"//; s/".*//' manifest.dsse.json)
      grep -o '{{"keyid":"'"$KEYID"'"[^}}]*}}' /tmp/trust-payload.json
      SPKI=$(grep -o '{{"keyid":"'"$KEYID"'"[^}}]*}}' /tmp/trust-payload.json | sed 's/.*"spki":"//; s/".*//')
      printf %s "$SPKI" | base64 -d | sha256sum
      printf %s "$SPKI" | base64 -d | openssl pkey -pubin -inform DER -out /tmp/key.pem

4. Check the signature. It must print: Verified OK

      {{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(wc -c < /tmp/manifest.json | tr -d ' ')"
        cat /tmp/manifest.json; }} > /tmp/manifest.pae
      openssl dgst -sha256 -verify /tmp/key.pem -signature /tmp/manifest.sig /tmp/manifest.pae

Steps 1, 3 and 4 do the same for every other .dsse.json file; receipts are signed by the key in the role receipt. The
trust file's own signature is checked so too, with its key in the role root.

WHAT THE CORE LEAVES OUT, and a verifier of the format checks as well:

- the zip's one canonical form, so that nothing hides between its files;
- the tree over the entries, and that the manifest is strict JSON of the format it names;
- that bundle id, change id and receipt ids follow from what they stand for;
- that each attestation is about the facts.json and semantic_delta.json that lie here, and about this change;
- that the readings in facts.json name receipts of this bundle;
- the signature of the trust file.
"#,
        id = header.change_id
    )
}
