/* What getent shows of a name or an address, for a C library that has none. Written for kdns's tests. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void reverse(struct sockaddr *address, socklen_t length) {
    char name[NI_MAXHOST];
    if (getnameinfo(address, length, name, sizeof name, NULL, 0, NI_NAMEREQD) == 0)
        printf("%s\n", name);
}

static void forward(const char *name) {
    struct addrinfo hints, *found, *each;
    char text[INET6_ADDRSTRLEN];
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return;
    for (each = found; each; each = each->ai_next) {
        const void *address = each->ai_family == AF_INET
            ? (const void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
            : (const void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
        printf("%s\n", inet_ntop(each->ai_family, address, text, sizeof text));
    }
    freeaddrinfo(found);
}

int main(int count, char **words) {
    for (int at = 1; at < count; at++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        printf("= %s\n", words[at]);
        if (inet_pton(AF_INET, words[at], &address.sin_addr) == 1)
            reverse((struct sockaddr *)&address, sizeof address);
        else
            forward(words[at]);
    }
    return 0;
}
