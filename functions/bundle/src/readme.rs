//! `readme.txt` of a bundle: how to check it with public tools, years from now, without Clyra. A test runs the commands.

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

To check with a POSIX shell, base64, sha256sum and openssl, in the folder into which this zip was unpacked:

1. Take the payload and the signature out of the envelope.

   sed 's/^{{"payload":"//; s/".*//' manifest.dsse.json | base64 -d > /tmp/manifest.json
   sed 's/.*"sig":"//; s/".*//' manifest.dsse.json | base64 -d > /tmp/manifest.sig

2. Compare every file with the manifest. Each line must end in OK.

   grep -o '"name":"[^"]*","digest":{{"sha256":"[0-9a-f]*"' /tmp/manifest.json |
     sed 's/"name":"\([^"]*\)","digest":{{"sha256":"\([0-9a-f]*\)"/\2  \1/' | sha256sum -c

   There must be no other file than those listed and manifest.dsse.json:

   find . -type f | sort

3. Take the key from the trust file: the entry whose keyid is the one in the envelope and whose role is verdict.
   Put the text of its spki between the quotes; the digest printed must be the keyid.

   SPKI=""
   printf %s "$SPKI" | base64 -d | sha256sum
   sed 's/.*"keyid":"//; s/".*//' manifest.dsse.json
   printf %s "$SPKI" | base64 -d | openssl pkey -pubin -inform DER -out /tmp/key.pem

4. Check the signature. It must print: Verified OK

   {{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(wc -c < /tmp/manifest.json | tr -d ' ')"
     cat /tmp/manifest.json; }} > /tmp/manifest.pae
   openssl dgst -sha256 -verify /tmp/key.pem -signature /tmp/manifest.sig /tmp/manifest.pae

Steps 1, 3 and 4 do the same for every other .dsse.json file; receipts are signed by the key in the role receipt.
"#,
        id = header.change_id
    )
}
