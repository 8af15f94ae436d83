import java.io.FileInputStream;
import java.net.URL;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** For each pair of a CA file and an https URL: one line, "ok" or what Java says against the server's certificate. */
class FetchAll {
    public static void main(String[] pairs) throws Exception {
        for (int i = 0; i < pairs.length; i += 2) System.out.println(fetch(pairs[i], pairs[i + 1]));
    }

    static String fetch(String ca, String url) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var in = new FileInputStream(ca)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        var managers = TrustManagerFactory.getInstance("PKIX");
        managers.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        var connection = (HttpsURLConnection) new URL(url).openConnection();
        connection.setSSLSocketFactory(context.getSocketFactory());
        try {
            connection.getResponseCode();
            return "ok";
        } catch (Exception error) {
            var words = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) words.append(cause.getMessage()).append(" | ");
            return words.toString().replace('\n', ' ');
        }
    }
}
