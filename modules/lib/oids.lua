-- oids: the names of object identifiers in certificates, long and short, as OpenSSL has them: OID|long|short where they differ.

local oids = {}

local NAMES = [[
0.9.2342.19200300.100.1.1|userId|UID
0.9.2342.19200300.100.1.2|textEncodedORAddress
0.9.2342.19200300.100.1.3|rfc822Mailbox|mail
0.9.2342.19200300.100.1.4|info
0.9.2342.19200300.100.1.5|favouriteDrink
0.9.2342.19200300.100.1.6|roomNumber
0.9.2342.19200300.100.1.7|photo
0.9.2342.19200300.100.1.8|userClass
0.9.2342.19200300.100.1.9|host
0.9.2342.19200300.100.1.10|manager
0.9.2342.19200300.100.1.11|documentIdentifier
0.9.2342.19200300.100.1.12|documentTitle
0.9.2342.19200300.100.1.13|documentVersion
0.9.2342.19200300.100.1.14|documentAuthor
0.9.2342.19200300.100.1.15|documentLocation
0.9.2342.19200300.100.1.20|homeTelephoneNumber
0.9.2342.19200300.100.1.21|secretary
0.9.2342.19200300.100.1.22|otherMailbox
0.9.2342.19200300.100.1.23|lastModifiedTime
0.9.2342.19200300.100.1.24|lastModifiedBy
0.9.2342.19200300.100.1.25|domainComponent|DC
0.9.2342.19200300.100.1.26|aRecord
0.9.2342.19200300.100.1.27|pilotAttributeType27
0.9.2342.19200300.100.1.28|mXRecord
0.9.2342.19200300.100.1.29|nSRecord
0.9.2342.19200300.100.1.30|sOARecord
0.9.2342.19200300.100.1.31|cNAMERecord
0.9.2342.19200300.100.1.37|associatedDomain
0.9.2342.19200300.100.1.38|associatedName
0.9.2342.19200300.100.1.39|homePostalAddress
0.9.2342.19200300.100.1.40|personalTitle
0.9.2342.19200300.100.1.41|mobileTelephoneNumber
0.9.2342.19200300.100.1.42|pagerTelephoneNumber
0.9.2342.19200300.100.1.43|friendlyCountryName
0.9.2342.19200300.100.1.44|uniqueIdentifier|uid
0.9.2342.19200300.100.1.45|organizationalStatus
0.9.2342.19200300.100.1.46|janetMailbox
0.9.2342.19200300.100.1.47|mailPreferenceOption
0.9.2342.19200300.100.1.48|buildingName
0.9.2342.19200300.100.1.49|dSAQuality
0.9.2342.19200300.100.1.50|singleLevelQuality
0.9.2342.19200300.100.1.51|subtreeMinimumQuality
0.9.2342.19200300.100.1.52|subtreeMaximumQuality
0.9.2342.19200300.100.1.53|personalSignature
0.9.2342.19200300.100.1.54|dITRedirect
0.9.2342.19200300.100.1.55|audio
0.9.2342.19200300.100.1.56|documentPublisher
1.2.156.10197.1.501|SM2-with-SM3|SM2-SM3
1.2.643.2.2.3|GOST R 34.11-94 with GOST R 34.10-2001|id-GostR3411-94-with-GostR3410-2001
1.2.643.2.2.4|GOST R 34.11-94 with GOST R 34.10-94|id-GostR3411-94-with-GostR3410-94
1.2.643.3.131.1.1|INN
1.2.643.7.1.1.1|id-tc26-sign
1.2.643.7.1.1.1.1|GOST R 34.10-2012 with 256 bit modulus|gost2012_256
1.2.643.7.1.1.1.2|GOST R 34.10-2012 with 512 bit modulus|gost2012_512
1.2.643.7.1.1.3|id-tc26-signwithdigest
1.2.643.7.1.1.3.2|GOST R 34.10-2012 with GOST R 34.11-2012 (256 bit)|id-tc26-signwithdigest-gost3410-2012-256
1.2.643.7.1.1.3.3|GOST R 34.10-2012 with GOST R 34.11-2012 (512 bit)|id-tc26-signwithdigest-gost3410-2012-512
1.2.643.100.1|OGRN
1.2.643.100.3|SNILS
1.2.643.100.111|Signing Tool of Subject|subjectSignTool
1.2.643.100.112|Signing Tool of Issuer|issuerSignTool
1.2.840.10040.4.1|dsaEncryption|DSA
1.2.840.10040.4.3|dsaWithSHA1|DSA-SHA1
1.2.840.10045.4|id-ecSigType
1.2.840.10045.4.1|ecdsa-with-SHA1
1.2.840.10045.4.2|ecdsa-with-Recommended
1.2.840.10045.4.3|ecdsa-with-Specified
1.2.840.10045.4.3.1|ecdsa-with-SHA224
1.2.840.10045.4.3.2|ecdsa-with-SHA256
1.2.840.10045.4.3.3|ecdsa-with-SHA384
1.2.840.10045.4.3.4|ecdsa-with-SHA512
1.2.840.113549.1.1.1|rsaEncryption
1.2.840.113549.1.1.2|md2WithRSAEncryption|RSA-MD2
1.2.840.113549.1.1.3|md4WithRSAEncryption|RSA-MD4
1.2.840.113549.1.1.4|md5WithRSAEncryption|RSA-MD5
1.2.840.113549.1.1.5|sha1WithRSAEncryption|RSA-SHA1
1.2.840.113549.1.1.6|rsaOAEPEncryptionSET
1.2.840.113549.1.1.7|rsaesOaep|RSAES-OAEP
1.2.840.113549.1.1.8|mgf1|MGF1
1.2.840.113549.1.1.9|pSpecified|PSPECIFIED
1.2.840.113549.1.1.10|rsassaPss|RSASSA-PSS
1.2.840.113549.1.1.11|sha256WithRSAEncryption|RSA-SHA256
1.2.840.113549.1.1.12|sha384WithRSAEncryption|RSA-SHA384
1.2.840.113549.1.1.13|sha512WithRSAEncryption|RSA-SHA512
1.2.840.113549.1.1.14|sha224WithRSAEncryption|RSA-SHA224
1.2.840.113549.1.1.15|sha512-224WithRSAEncryption|RSA-SHA512/224
1.2.840.113549.1.1.16|sha512-256WithRSAEncryption|RSA-SHA512/256
1.2.840.113549.1.9.1|emailAddress
1.2.840.113549.1.9.2|unstructuredName
1.2.840.113549.1.9.3|contentType
1.2.840.113549.1.9.4|messageDigest
1.2.840.113549.1.9.5|signingTime
1.2.840.113549.1.9.6|countersignature
1.2.840.113549.1.9.7|challengePassword
1.2.840.113549.1.9.8|unstructuredAddress
1.2.840.113549.1.9.9|extendedCertificateAttributes
1.2.840.113549.1.9.14|Extension Request|extReq
1.2.840.113549.1.9.15|S/MIME Capabilities|SMIME-CAPS
1.2.840.113549.1.9.16|S/MIME|SMIME
1.2.840.113549.1.9.20|friendlyName
1.2.840.113549.1.9.21|localKeyID
1.2.840.113549.1.9.22|certTypes
1.2.840.113549.1.9.23|crlTypes
1.3.6.1.4.1.311.2.1.14|Microsoft Extension Request|msExtReq
1.3.6.1.4.1.311.2.1.21|Microsoft Individual Code Signing|msCodeInd
1.3.6.1.4.1.311.2.1.22|Microsoft Commercial Code Signing|msCodeCom
1.3.6.1.4.1.311.10.3.1|Microsoft Trust List Signing|msCTLSign
1.3.6.1.4.1.311.10.3.3|Microsoft Server Gated Crypto|msSGC
1.3.6.1.4.1.311.10.3.4|Microsoft Encrypted File System|msEFS
1.3.6.1.4.1.311.17.1|Microsoft CSP Name|CSPName
1.3.6.1.4.1.311.17.2|Microsoft Local Key set|LocalKeySet
1.3.6.1.4.1.311.20.2.2|Microsoft Smartcardlogin|msSmartcardLogin
1.3.6.1.4.1.311.20.2.3|Microsoft Universal Principal Name|msUPN
1.3.6.1.4.1.311.60.2.1.1|jurisdictionLocalityName|jurisdictionL
1.3.6.1.4.1.311.60.2.1.2|jurisdictionStateOrProvinceName|jurisdictionST
1.3.6.1.4.1.311.60.2.1.3|jurisdictionCountryName|jurisdictionC
1.3.6.1.4.1.11129.2.4.4|CT Precertificate Signer|ct_precert_signer
1.3.6.1.5.2.3|id-pkinit
1.3.6.1.5.2.3.4|PKINIT Client Auth|pkInitClientAuth
1.3.6.1.5.2.3.5|Signing KDC Response|pkInitKDC
1.3.6.1.5.5.7.3.1|TLS Web Server Authentication|serverAuth
1.3.6.1.5.5.7.3.2|TLS Web Client Authentication|clientAuth
1.3.6.1.5.5.7.3.3|Code Signing|codeSigning
1.3.6.1.5.5.7.3.4|E-mail Protection|emailProtection
1.3.6.1.5.5.7.3.5|IPSec End System|ipsecEndSystem
1.3.6.1.5.5.7.3.6|IPSec Tunnel|ipsecTunnel
1.3.6.1.5.5.7.3.7|IPSec User|ipsecUser
1.3.6.1.5.5.7.3.8|Time Stamping|timeStamping
1.3.6.1.5.5.7.3.9|OCSP Signing|OCSPSigning
1.3.6.1.5.5.7.3.10|dvcs|DVCS
1.3.6.1.5.5.7.3.17|ipsec Internet Key Exchange|ipsecIKE
1.3.6.1.5.5.7.3.18|Ctrl/provision WAP Access|capwapAC
1.3.6.1.5.5.7.3.19|Ctrl/Provision WAP Termination|capwapWTP
1.3.6.1.5.5.7.3.21|SSH Client|secureShellClient
1.3.6.1.5.5.7.3.22|SSH Server|secureShellServer
1.3.6.1.5.5.7.3.23|Send Router|sendRouter
1.3.6.1.5.5.7.3.24|Send Proxied Router|sendProxiedRouter
1.3.6.1.5.5.7.3.25|Send Owner|sendOwner
1.3.6.1.5.5.7.3.26|Send Proxied Owner|sendProxiedOwner
1.3.6.1.5.5.7.3.27|CMC Certificate Authority|cmcCA
1.3.6.1.5.5.7.3.28|CMC Registration Authority|cmcRA
1.3.14.3.2.3|md5WithRSA|RSA-NP-MD5
1.3.14.3.2.6|des-ecb|DES-ECB
1.3.14.3.2.7|des-cbc|DES-CBC
1.3.14.3.2.8|des-ofb|DES-OFB
1.3.14.3.2.9|des-cfb|DES-CFB
1.3.14.3.2.11|rsaSignature
1.3.14.3.2.12|dsaEncryption-old|DSA-old
1.3.14.3.2.13|dsaWithSHA|DSA-SHA
1.3.14.3.2.15|shaWithRSAEncryption|RSA-SHA
1.3.14.3.2.17|des-ede|DES-EDE
1.3.14.3.2.18|sha|SHA
1.3.14.3.2.26|sha1|SHA1
1.3.14.3.2.27|dsaWithSHA1-old|DSA-SHA1-old
1.3.14.3.2.29|sha1WithRSA|RSA-SHA1-2
1.3.36.3.2.1|ripemd160|RIPEMD160
1.3.36.3.3.1.2|ripemd160WithRSA|RSA-RIPEMD160
1.3.36.3.3.2.8.1.1.1|brainpoolP160r1
1.3.36.3.3.2.8.1.1.2|brainpoolP160t1
1.3.36.3.3.2.8.1.1.3|brainpoolP192r1
1.3.36.3.3.2.8.1.1.4|brainpoolP192t1
1.3.36.3.3.2.8.1.1.5|brainpoolP224r1
1.3.36.3.3.2.8.1.1.6|brainpoolP224t1
1.3.36.3.3.2.8.1.1.7|brainpoolP256r1
1.3.36.3.3.2.8.1.1.8|brainpoolP256t1
1.3.36.3.3.2.8.1.1.9|brainpoolP320r1
1.3.36.3.3.2.8.1.1.10|brainpoolP320t1
1.3.36.3.3.2.8.1.1.11|brainpoolP384r1
1.3.36.3.3.2.8.1.1.12|brainpoolP384t1
1.3.36.3.3.2.8.1.1.13|brainpoolP512r1
1.3.36.3.3.2.8.1.1.14|brainpoolP512t1
1.3.101.1.4.1|Strong Extranet ID|SXNetID
1.3.101.110|X25519
1.3.101.111|X448
1.3.101.112|ED25519
1.3.101.113|ED448
2.5.4.3|commonName|CN
2.5.4.4|surname|SN
2.5.4.5|serialNumber
2.5.4.6|countryName|C
2.5.4.7|localityName|L
2.5.4.8|stateOrProvinceName|ST
2.5.4.9|streetAddress|street
2.5.4.10|organizationName|O
2.5.4.11|organizationalUnitName|OU
2.5.4.12|title
2.5.4.13|description
2.5.4.14|searchGuide
2.5.4.15|businessCategory
2.5.4.16|postalAddress
2.5.4.17|postalCode
2.5.4.18|postOfficeBox
2.5.4.19|physicalDeliveryOfficeName
2.5.4.20|telephoneNumber
2.5.4.21|telexNumber
2.5.4.22|teletexTerminalIdentifier
2.5.4.23|facsimileTelephoneNumber
2.5.4.24|x121Address
2.5.4.25|internationaliSDNNumber
2.5.4.26|registeredAddress
2.5.4.27|destinationIndicator
2.5.4.28|preferredDeliveryMethod
2.5.4.29|presentationAddress
2.5.4.30|supportedApplicationContext
2.5.4.31|member
2.5.4.32|owner
2.5.4.33|roleOccupant
2.5.4.34|seeAlso
2.5.4.35|userPassword
2.5.4.36|userCertificate
2.5.4.37|cACertificate
2.5.4.38|authorityRevocationList
2.5.4.39|certificateRevocationList
2.5.4.40|crossCertificatePair
2.5.4.41|name
2.5.4.42|givenName|GN
2.5.4.43|initials
2.5.4.44|generationQualifier
2.5.4.45|x500UniqueIdentifier
2.5.4.46|dnQualifier
2.5.4.47|enhancedSearchGuide
2.5.4.48|protocolInformation
2.5.4.49|distinguishedName
2.5.4.50|uniqueMember
2.5.4.51|houseIdentifier
2.5.4.52|supportedAlgorithms
2.5.4.53|deltaRevocationList
2.5.4.54|dmdName
2.5.4.65|pseudonym
2.5.4.72|role
2.5.4.97|organizationIdentifier
2.5.4.98|countryCode3c|c3
2.5.4.99|countryCode3n|n3
2.5.4.100|dnsName
2.5.29.37.0|Any Extended Key Usage|anyExtendedKeyUsage
2.16.840.1.101.3.4.3.1|dsa_with_SHA224
2.16.840.1.101.3.4.3.2|dsa_with_SHA256
2.16.840.1.101.3.4.3.3|dsa_with_SHA384|id-dsa-with-sha384
2.16.840.1.101.3.4.3.4|dsa_with_SHA512|id-dsa-with-sha512
2.16.840.1.101.3.4.3.5|dsa_with_SHA3-224|id-dsa-with-sha3-224
2.16.840.1.101.3.4.3.6|dsa_with_SHA3-256|id-dsa-with-sha3-256
2.16.840.1.101.3.4.3.7|dsa_with_SHA3-384|id-dsa-with-sha3-384
2.16.840.1.101.3.4.3.8|dsa_with_SHA3-512|id-dsa-with-sha3-512
2.16.840.1.101.3.4.3.9|ecdsa_with_SHA3-224|id-ecdsa-with-sha3-224
2.16.840.1.101.3.4.3.10|ecdsa_with_SHA3-256|id-ecdsa-with-sha3-256
2.16.840.1.101.3.4.3.11|ecdsa_with_SHA3-384|id-ecdsa-with-sha3-384
2.16.840.1.101.3.4.3.12|ecdsa_with_SHA3-512|id-ecdsa-with-sha3-512
2.16.840.1.101.3.4.3.13|RSA-SHA3-224|id-rsassa-pkcs1-v1_5-with-sha3-224
2.16.840.1.101.3.4.3.14|RSA-SHA3-256|id-rsassa-pkcs1-v1_5-with-sha3-256
2.16.840.1.101.3.4.3.15|RSA-SHA3-384|id-rsassa-pkcs1-v1_5-with-sha3-384
2.16.840.1.101.3.4.3.16|RSA-SHA3-512|id-rsassa-pkcs1-v1_5-with-sha3-512
2.16.840.1.113730.4.1|Netscape Server Gated Crypto|nsSGC
]]

-- The name of one, long or `short`; the identifier itself when it has none.
function oids.name(oid, short)
  local long, brief = ("\n" .. NAMES):match("\n" .. oid:gsub("%.", "%%.") .. "|([^|\n]*)|?([^\n]*)")
  return short and brief and brief ~= "" and brief or long or oid
end

return oids
